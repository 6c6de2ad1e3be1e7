// A pickle reader that executes nothing: opcodes build plain values, and only names on an allow-list mean anything.
import { CheckpointError } from '../errors.js';

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

/** No integer of a checkpoint is longer. */
const MAX_INTEGER_BYTES = 256;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/** Thrown when the bytes end before the pickle does: the caller may offer more. */
export class PickleEnd extends CheckpointError {}

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
  private readonly view: DataView;
  private readonly text = new TextDecoder();
  private readonly strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private at = 0;
  private opcodeAt = 0;
  private values = 0;
  private containers = 0;
  private readonly stack: Slot[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly rules: PickleRules,
    private readonly file: string,
    private readonly base: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): { value: PickleValue; length: number } {
    for (;;) {
      this.opcodeAt = this.at;
      const opcode = this.byte();
      if (opcode === 0x2e /* . STOP */) {
        const value = this.pop();
        if (this.stack.length > 0) this.fail('values are left over at its end');
        return { value, length: this.at };
      }
      this.step(opcode);
    }
  }

  private fail(reason: string): never {
    throw new CheckpointError(`${this.file}: pickle at byte ${this.base + this.opcodeAt}: ${reason}`);
  }

  private take(count: number): number {
    const start = this.at;
    if (!(count >= 0 && start + count <= this.bytes.byteLength)) {
      throw new PickleEnd(
        `${this.file}: pickle at byte ${this.base + this.opcodeAt} breaks off; the file is cut off or damaged`,
      );
    }
    this.at += count;
    return start;
  }
  private byte(): number {
    return this.view.getUint8(this.take(1));
  }
  private uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }
  private uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  private uint64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }
  private raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }
  private string(length: number): string {
    return this.text.decode(this.raw(length));
  }
  /** Python 2 has one type for text and bytes: text when it is UTF-8. */
  private textOrBytes(length: number): string | Uint8Array {
    const bytes = this.raw(length);
    try {
      return this.strictText.decode(bytes);
    } catch {
      return bytes;
    }
  }
  private rawLine(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at);
    const bytes = this.raw(end < 0 ? Infinity : end - this.at);
    this.at++;
    return bytes;
  }
  private line(): string {
    return this.text.decode(this.rawLine());
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
  private integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.fail(`an integer of ${length} bytes`);
    const bytes = this.raw(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
    if (length > 0 && (bytes[length - 1] as number) & 0x80) value -= 1n << BigInt(8 * length);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  private decimal(line: string): number | boolean {
    if (line === '00' || line === '01') return line === '01';
    const value = Number(line.replace(/L$/, ''));
    if (line.length > 40 || Number.isNaN(value)) this.fail(`"${line.slice(0, 40)}" is no number`);
    return value;
  }

  private step(opcode: number): void {
    switch (String.fromCharCode(opcode)) {
      case '\x80':
        return void this.take(1); // PROTO
      case '\x95':
        return void this.take(8); // FRAME
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
        return this.push(this.uint32() | 0); // BININT
      case 'K':
        return this.push(this.byte()); // BININT1
      case 'M':
        return this.push(this.uint16()); // BININT2
      case '\x8a':
        return this.push(this.integer(this.byte())); // LONG1
      case '\x8b':
        return this.push(this.integer(this.uint32())); // LONG4
      case 'G':
        return this.push(this.view.getFloat64(this.take(8), false)); // BINFLOAT
      case 'I':
      case 'L':
      case 'F':
        return this.push(this.decimal(this.line())); // INT, LONG, FLOAT
      case 'X':
        return this.push(this.string(this.uint32())); // BINUNICODE
      case '\x8c':
        return this.push(this.string(this.byte())); // SHORT_BINUNICODE
      case '\x8d':
        return this.push(this.string(this.uint64())); // BINUNICODE8
      case 'V':
        return this.push(rawUnicode(this.rawLine())); // UNICODE
      case 'S':
        return this.push(this.line().replace(/^(['"])(.*)\1$/s, '$2')); // STRING
      case 'T':
        return this.push(this.textOrBytes(this.uint32())); // BINSTRING
      case 'U':
        return this.push(this.textOrBytes(this.byte())); // SHORT_BINSTRING
      case 'B':
        return this.push(this.raw(this.uint32())); // BINBYTES
      case 'C':
        return this.push(this.raw(this.byte())); // SHORT_BINBYTES
      case '\x8e':
        return this.push(this.raw(this.uint64())); // BINBYTES8
      case '\x96':
        return this.push(this.raw(this.uint64())); // BYTEARRAY8
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
        return this.remember(this.byte()); // BINPUT
      case 'r':
        return this.remember(this.uint32()); // LONG_BINPUT
      case 'p':
        return this.remember(Number(this.line())); // PUT
      case '\x94':
        return this.remember(this.memo.size); // MEMOIZE
      case 'h':
        return this.recall(this.byte()); // BINGET
      case 'j':
        return this.recall(this.uint32()); // LONG_BINGET
      case 'g':
        return this.recall(Number(this.line())); // GET
      case 'c':
        return this.find(this.line(), this.line()); // GLOBAL
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

/** Python's raw-unicode-escape: a byte is a character, `\u` and `\U` begin those beyond, and those that a line cannot hold. */
function rawUnicode(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return text.replace(/\\(?:u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4}))/gi, (_, short: string, long: string) =>
    String.fromCodePoint(parseInt(short ?? long, 16)),
  );
}
