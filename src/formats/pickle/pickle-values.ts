// Values of a pickle, and the rules for the names that it may use.

/** A class or function that a pickle names: only the name. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What allow-listed calls may return besides plain values. */
export interface PickleObject {
  readonly kind: string;
}

/** A value of a pickle: dicts become Maps; lists, tuples and sets become arrays. */
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
  /** For errors: what a pickle under these rules is, and what to do about one that names something else. */
  readonly what: string;
  readonly advice: string;
}
