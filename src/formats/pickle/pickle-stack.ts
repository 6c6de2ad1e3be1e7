// The stack and the memo of a pickle reader, with bounds against hostile pickles.
import type { PickleValue } from './pickle-values.js';

/** More than the pickle of any checkpoint holds (BERT large with its optimizer: 15 thousand containers); bounds memory and time of a hostile one. */
const MAX_VALUES = 1_000_000;
const MAX_CONTAINERS = 200_000;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/** The stack machine's memory. Every method throws through `fail` where the pickle is damaged or exceeds a bound. */
export class PickleStack {
  private readonly slots: Slot[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private valueCount = 0;
  private containerCount = 0;

  /** @param what names the pickle in errors. */
  constructor(
    private readonly what: string,
    private readonly fail: (reason: string) => never,
  ) {}

  get isEmpty(): boolean {
    return this.slots.length === 0;
  }

  /** Marks where the items of a container begin. */
  mark(): void {
    this.pushSlot(MARK);
  }
  push(value: PickleValue): void {
    this.pushSlot(value);
  }
  private pushSlot(value: Slot): void {
    if (++this.valueCount > MAX_VALUES) this.fail(`more than ${MAX_VALUES} values: not a ${this.what}`);
    this.slots.push(value);
  }
  /** Counts a new container. */
  container<T extends PickleValue>(value: T): T {
    if (++this.containerCount > MAX_CONTAINERS) this.fail(`more than ${MAX_CONTAINERS} containers: not a ${this.what}`);
    return value;
  }
  pop(): PickleValue {
    const value = this.slots.pop();
    if (value === undefined || value === MARK) this.fail('takes a value from an empty stack');
    return value;
  }
  top(): PickleValue {
    const value = this.slots.at(-1);
    if (value === undefined || value === MARK) this.fail('needs a value on the stack');
    return value;
  }
  /** Removes the top, a value or a mark. */
  drop(): void {
    this.slots.pop();
  }
  /** Removes everything down to the last mark. */
  popMark(): PickleValue[] {
    const mark = this.slots.lastIndexOf(MARK);
    if (mark < 0) this.fail('has no mark on the stack');
    const items = this.slots.splice(mark + 1) as PickleValue[];
    this.slots.pop();
    return items;
  }
  popTuple(count: number): PickleValue[] {
    const items: PickleValue[] = [];
    for (let i = 0; i < count; i++) items.unshift(this.pop());
    return this.container(items);
  }
  /** Stores the top in the memo. */
  remember(key: number): void {
    this.memo.set(key, this.top());
    if (this.memo.size > MAX_VALUES) this.fail(`more than ${MAX_VALUES} values: not a ${this.what}`);
  }
  /** Stores the top under the next free key. */
  memoize(): void {
    this.remember(this.memo.size);
  }
  recall(key: number): void {
    const value = this.memo.get(key);
    if (value === undefined) this.fail(`refers to value ${key}, which it has not made`);
    this.push(value);
  }
  setItems(items: PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2 !== 0) this.fail('sets items of something that is not a dict');
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as PickleValue, items[i + 1] as PickleValue);
  }
  append(items: PickleValue[]): void {
    const target = this.top();
    if (!Array.isArray(target)) this.fail('appends to something that is not a list');
    for (const item of items) target.push(item);
  }
}
