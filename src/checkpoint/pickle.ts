// A pickle reader that executes nothing: opcodes build plain values, and only names on an allow-list mean anything.
import { PickleBytes } from './pickle-bytes.js';

/** A class or function that a pickle names: a mere name. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What allow-listed calls may return beside plain values. */
export interface PickleObject {
  readonly kind: string;
}

/** A value out of a pickle: dicts become Maps; lists, tuples and sets become arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | PickleObject
  | PickleValue[]
  | Map<PickleValue, PickleValue>;

/** What a pickle may do beyond plain values. */
export interface PickleRules {
  /** The meaning of `module.name`; null refuses it. */
  findGlobal(module: string, name: string): PickleGlobal | null;
  /** Calls an allowed global. Throws an Error with a reason when the arguments make no sense. */
  call(callee: PickleGlobal, args: PickleValue[]): PickleValue;
  /** Resolves a persistent id (torch's storages). */
  persistentLoad(id: PickleValue): PickleValue;
  /** Gives an allowed object its state (`__setstate__`). Throws an Error with a reason when the state makes no sense. */
  setState?(target: PickleValue, state: PickleValue): void;
  /** What a pickle under these rules is, and what to do about one that names something else: for errors. */
  readonly what: string;
  readonly advice: string;
}

/** More than the pickle of any checkpoint holds (BERT large with its optimizer: 15 thousand containers); bounds memory and time of a hostile one. */
const MAX_VALUES = 1_000_000;
const MAX_CONTAINERS = 200_000;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/**
 * Reads one pickle from the start of `bytes`.
 * @param file name for errors; @param base byte offset of `bytes` in the file, for errors.
 * @returns the value and the number of bytes that the pickle takes.
 * @throws CheckpointError naming file and offset for anything that is refused or damaged; PickleEnd when the bytes run out.
 * @see https://github.com/python/cpython/blob/v3.12.0/Lib/pickletools.py
 */
export function readPickle(
  bytes: Uint8Array,
  rules: PickleRules,
  file: string,
  base = 0,
): { value: PickleValue; length: number } {
  return new Unpickler(bytes, rules, file, base).run();
}

class Unpickler {
  private readonly input: PickleBytes;
  private values = 0;
  private containers = 0;
  private readonly stack: Slot[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    bytes: Uint8Array,
    private readonly rules: PickleRules,
    file: string,
    base: number,
  ) {
    this.input = new PickleBytes(bytes, file, base);
  }

  run(): { value: PickleValue; length: number } {
    for (;;) {
      const opcode = this.input.opcode();
      if (opcode === 0x2e /* . STOP */) {
        const value = this.pop();
        if (this.stack.length > 0) this.fail('values are left over at its end');
        return { value, length: this.input.at };
      }
      this.step(opcode);
    }
  }

  private fail(reason: string): never {
    this.input.fail(reason);
  }

  private push(value: Slot): void {
    if (++this.values > MAX_VALUES) this.fail(`more than ${MAX_VALUES} values: no ${this.rules.what}`);
    this.stack.push(value);
  }
  private container<T extends PickleValue>(value: T): T {
    if (++this.containers > MAX_CONTAINERS) this.fail(`more than ${MAX_CONTAINERS} containers: no ${this.rules.what}`);
    return value;
  }
  private pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) this.fail('takes a value from an empty stack');
    return value;
  }
  private top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) this.fail('needs a value on the stack');
    return value;
  }
  private popMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) this.fail('has no mark on the stack');
    const items = this.stack.splice(mark + 1) as PickleValue[];
    this.stack.pop();
    return items;
  }
  private popTuple(count: number): PickleValue[] {
    const items: PickleValue[] = [];
    for (let i = 0; i < count; i++) items.unshift(this.pop());
    return this.container(items);
  }
  private remember(key: number): void {
    this.memo.set(key, this.top());
    if (this.memo.size > MAX_VALUES) this.fail(`more than ${MAX_VALUES} values: no ${this.rules.what}`);
  }
  private recall(key: number): void {
    const value = this.memo.get(key);
    if (value === undefined) this.fail(`refers to value ${key}, which it has not made`);
    this.push(value);
  }
  private setItems(items: PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2 !== 0) this.fail('sets items of something that is no dict');
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as PickleValue, items[i + 1] as PickleValue);
  }
  private append(items: PickleValue[]): void {
    const target = this.top();
    if (!Array.isArray(target)) this.fail('appends to something that is no list');
    for (const item of items) target.push(item);
  }
  private find(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      this.fail('names a global by something that is no text');
    const found = this.rules.findGlobal(module, name);
    if (found === null) {
      const shown = `${module}.${name}`.slice(0, 200);
      this.fail(`"${shown}" is not allowed in a ${this.rules.what}: nothing was run; ${this.rules.advice}`);
    }
    this.push(found);
  }
  private reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args))
      this.fail('calls something that is no known function');
    this.push(this.container(this.guarded(() => this.rules.call(callee, args))));
  }
  private guarded<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }
  /** State of an object (`__setstate__`): OrderedDict's attributes and the like; never run. A dict's entries are kept. */
  private build(): void {
    const state = this.pop();
    const target = this.top();
    this.guarded(() => this.rules.setState?.(target, state));
    if (target instanceof Map && state instanceof Map && target.size === 0)
      for (const [k, v] of state) target.set(k, v);
  }
  private step(opcode: number): void {
    switch (String.fromCharCode(opcode)) {
      case '\x80':
        return void this.input.take(1); // PROTO
      case '\x95':
        return void this.input.take(8); // FRAME
      case '(':
        return this.push(MARK);
      case '0':
        return void this.stack.pop(); // POP
      case '1':
        return void this.popMark(); // POP_MARK
      case '2':
        return this.push(this.top()); // DUP
      case 'N':
        return this.push(null);
      case '\x88':
        return this.push(true);
      case '\x89':
        return this.push(false);
      case 'J':
        return this.push(this.input.uint32() | 0); // BININT
      case 'K':
        return this.push(this.input.byte()); // BININT1
      case 'M':
        return this.push(this.input.uint16()); // BININT2
      case '\x8a':
        return this.push(this.input.integer(this.input.byte())); // LONG1
      case '\x8b':
        return this.push(this.input.integer(this.input.uint32())); // LONG4
      case 'G':
        return this.push(this.input.float64()); // BINFLOAT
      case 'I':
      case 'L':
      case 'F':
        return this.push(this.input.decimal(this.input.line())); // INT, LONG, FLOAT
      case 'X':
        return this.push(this.input.string(this.input.uint32())); // BINUNICODE
      case '\x8c':
        return this.push(this.input.string(this.input.byte())); // SHORT_BINUNICODE
      case '\x8d':
        return this.push(this.input.string(this.input.uint64())); // BINUNICODE8
      case 'V':
        return this.push(this.input.unicodeLine()); // UNICODE
      case 'S':
        return this.push(this.input.line().replace(/^(['"])(.*)\1$/s, '$2')); // STRING
      case 'T':
        return this.push(this.input.textOrBytes(this.input.uint32())); // BINSTRING
      case 'U':
        return this.push(this.input.textOrBytes(this.input.byte())); // SHORT_BINSTRING
      case 'B':
        return this.push(this.input.raw(this.input.uint32())); // BINBYTES
      case 'C':
        return this.push(this.input.raw(this.input.byte())); // SHORT_BINBYTES
      case '\x8e':
        return this.push(this.input.raw(this.input.uint64())); // BINBYTES8
      case '\x96':
        return this.push(this.input.raw(this.input.uint64())); // BYTEARRAY8
      case ')':
      case ']':
      case '\x8f':
        return this.push(this.container([])); // EMPTY_TUPLE, EMPTY_LIST, EMPTY_SET
      case '}':
        return this.push(this.container(new Map())); // EMPTY_DICT
      case 't':
      case 'l':
      case '\x91':
        return this.push(this.container(this.popMark())); // TUPLE, LIST, FROZENSET
      case '\x85':
        return this.push(this.popTuple(1));
      case '\x86':
        return this.push(this.popTuple(2));
      case '\x87':
        return this.push(this.popTuple(3));
      case 'd': {
        // DICT
        const items = this.popMark();
        this.push(this.container(new Map()));
        return this.setItems(items);
      }
      case 's':
        return this.setItems(this.popTuple(2));
      case 'u':
        return this.setItems(this.popMark());
      case 'a':
        return this.append(this.popTuple(1));
      case 'e':
      case '\x90':
        return this.append(this.popMark()); // APPENDS, ADDITEMS
      case 'q':
        return this.remember(this.input.byte()); // BINPUT
      case 'r':
        return this.remember(this.input.uint32()); // LONG_BINPUT
      case 'p':
        return this.remember(Number(this.input.line())); // PUT
      case '\x94':
        return this.remember(this.memo.size); // MEMOIZE
      case 'h':
        return this.recall(this.input.byte()); // BINGET
      case 'j':
        return this.recall(this.input.uint32()); // LONG_BINGET
      case 'g':
        return this.recall(Number(this.input.line())); // GET
      case 'c':
        return this.find(this.input.line(), this.input.line()); // GLOBAL
      case '\x93': {
        // STACK_GLOBAL
        const name = this.pop();
        return this.find(this.pop(), name);
      }
      case 'R':
      case '\x81':
        return this.reduce(); // REDUCE, NEWOBJ
      case 'b':
        return this.build();
      case 'Q': {
        // BINPERSID
        const id = this.pop();
        return this.push(this.guarded(() => this.rules.persistentLoad(id)));
      }
      default:
        return this.fail(
          `opcode 0x${opcode.toString(16)} is not allowed in a ${this.rules.what}, or the file is damaged`,
        );
    }
  }
}
