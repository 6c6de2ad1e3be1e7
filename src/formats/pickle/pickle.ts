// A pickle reader that executes nothing: opcodes build plain values, and only names on an allow-list are accepted.
import { PickleBytes } from './pickle-bytes.js';
import { PickleStack } from './pickle-stack.js';
import { PickleGlobal, type PickleRules, type PickleValue } from './pickle-values.js';

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
  private readonly stack: PickleStack;

  constructor(
    bytes: Uint8Array,
    private readonly rules: PickleRules,
    file: string,
    base: number,
  ) {
    this.input = new PickleBytes(bytes, file, base);
    this.stack = new PickleStack(rules.what, (reason) => this.input.fail(reason));
  }

  run(): { value: PickleValue; length: number } {
    for (;;) {
      const opcode = this.input.opcode();
      if (opcode === 0x2e /* . STOP */) {
        const value = this.stack.pop();
        if (!this.stack.isEmpty) this.fail('values are left over at its end');
        return { value, length: this.input.at };
      }
      this.execute(opcode);
    }
  }

  private fail(reason: string): never {
    this.input.fail(reason);
  }

  private find(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      this.fail('names a global by something that is not text');
    const found = this.rules.findGlobal(module, name);
    if (found === null) {
      const shown = `${module}.${name}`.slice(0, 200);
      this.fail(`"${shown}" is not allowed in a ${this.rules.what}: nothing was run; ${this.rules.advice}`);
    }
    this.stack.push(found);
  }
  private reduce(): void {
    const args = this.stack.pop();
    const callee = this.stack.pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args))
      this.fail('calls something that is not a known function');
    this.stack.push(this.stack.container(this.guarded(() => this.rules.call(callee, args))));
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
    const state = this.stack.pop();
    const target = this.stack.top();
    this.guarded(() => this.rules.setState?.(target, state));
    if (target instanceof Map && state instanceof Map && target.size === 0)
      for (const [k, v] of state) target.set(k, v);
  }
  private execute(opcode: number): void {
    switch (String.fromCharCode(opcode)) {
      case '\x80':
        return void this.input.take(1); // PROTO
      case '\x95':
        return void this.input.take(8); // FRAME
      case '(':
        return this.stack.mark();
      case '0':
        return void this.stack.drop(); // POP
      case '1':
        return void this.stack.popMark(); // POP_MARK
      case '2':
        return this.stack.push(this.stack.top()); // DUP
      case 'N':
        return this.stack.push(null);
      case '\x88':
        return this.stack.push(true);
      case '\x89':
        return this.stack.push(false);
      case 'J':
        return this.stack.push(this.input.uint32() | 0); // BININT
      case 'K':
        return this.stack.push(this.input.byte()); // BININT1
      case 'M':
        return this.stack.push(this.input.uint16()); // BININT2
      case '\x8a':
        return this.stack.push(this.input.integer(this.input.byte())); // LONG1
      case '\x8b':
        return this.stack.push(this.input.integer(this.input.uint32())); // LONG4
      case 'G':
        return this.stack.push(this.input.float64()); // BINFLOAT
      case 'I':
      case 'L':
      case 'F':
        return this.stack.push(this.input.decimal(this.input.line())); // INT, LONG, FLOAT
      case 'X':
        return this.stack.push(this.input.string(this.input.uint32())); // BINUNICODE
      case '\x8c':
        return this.stack.push(this.input.string(this.input.byte())); // SHORT_BINUNICODE
      case '\x8d':
        return this.stack.push(this.input.string(this.input.uint64())); // BINUNICODE8
      case 'V':
        return this.stack.push(this.input.unicodeLine()); // UNICODE
      case 'S':
        return this.stack.push(this.input.line().replace(/^(['"])(.*)\1$/s, '$2')); // STRING
      case 'T':
        return this.stack.push(this.input.textOrBytes(this.input.uint32())); // BINSTRING
      case 'U':
        return this.stack.push(this.input.textOrBytes(this.input.byte())); // SHORT_BINSTRING
      case 'B':
        return this.stack.push(this.input.raw(this.input.uint32())); // BINBYTES
      case 'C':
        return this.stack.push(this.input.raw(this.input.byte())); // SHORT_BINBYTES
      case '\x8e':
        return this.stack.push(this.input.raw(this.input.uint64())); // BINBYTES8
      case '\x96':
        return this.stack.push(this.input.raw(this.input.uint64())); // BYTEARRAY8
      case ')':
      case ']':
      case '\x8f':
        return this.stack.push(this.stack.container([])); // EMPTY_TUPLE, EMPTY_LIST, EMPTY_SET
      case '}':
        return this.stack.push(this.stack.container(new Map())); // EMPTY_DICT
      case 't':
      case 'l':
      case '\x91':
        return this.stack.push(this.stack.container(this.stack.popMark())); // TUPLE, LIST, FROZENSET
      case '\x85':
        return this.stack.push(this.stack.popTuple(1));
      case '\x86':
        return this.stack.push(this.stack.popTuple(2));
      case '\x87':
        return this.stack.push(this.stack.popTuple(3));
      case 'd': {
        // DICT
        const items = this.stack.popMark();
        this.stack.push(this.stack.container(new Map()));
        return this.stack.setItems(items);
      }
      case 's':
        return this.stack.setItems(this.stack.popTuple(2));
      case 'u':
        return this.stack.setItems(this.stack.popMark());
      case 'a':
        return this.stack.append(this.stack.popTuple(1));
      case 'e':
      case '\x90':
        return this.stack.append(this.stack.popMark()); // APPENDS, ADDITEMS
      case 'q':
        return this.stack.remember(this.input.byte()); // BINPUT
      case 'r':
        return this.stack.remember(this.input.uint32()); // LONG_BINPUT
      case 'p':
        return this.stack.remember(Number(this.input.line())); // PUT
      case '\x94':
        return this.stack.memoize(); // MEMOIZE
      case 'h':
        return this.stack.recall(this.input.byte()); // BINGET
      case 'j':
        return this.stack.recall(this.input.uint32()); // LONG_BINGET
      case 'g':
        return this.stack.recall(Number(this.input.line())); // GET
      case 'c':
        return this.find(this.input.line(), this.input.line()); // GLOBAL
      case '\x93': {
        // STACK_GLOBAL
        const name = this.stack.pop();
        return this.find(this.stack.pop(), name);
      }
      case 'R':
      case '\x81':
        return this.reduce(); // REDUCE, NEWOBJ
      case 'b':
        return this.build();
      case 'Q': {
        // BINPERSID
        const id = this.stack.pop();
        return this.stack.push(this.guarded(() => this.rules.persistentLoad(id)));
      }
      default:
        return this.fail(
          `opcode 0x${opcode.toString(16)} is not allowed in a ${this.rules.what}, or the file is damaged`,
        );
    }
  }
}
