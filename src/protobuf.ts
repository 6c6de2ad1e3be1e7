// As much of Protocol Buffers as TensorFlow's configuration, operation definitions and timelines need.

/** Serialized fields, to be joined into a message. */
export type Field = Uint8Array;

/** An integer, enum or boolean field. */
export function varintField(number: number, value: number | boolean): Field {
  return Uint8Array.from([...varint(number << 3), ...varint(Number(value))]);
}

/** A field that holds a message or bytes. */
export function bytesField(number: number, value: Uint8Array): Field {
  return joined([Uint8Array.from([...varint((number << 3) | 2), ...varint(value.length)]), value]);
}

/** A message of these fields. */
export function message(...fields: readonly Field[]): Uint8Array {
  return joined(fields);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** The fields of a message by number, in order. Numbers above 2^53 lose precision; fixed-size fields are skipped. */
export class Message {
  private readonly fields = new Map<number, (number | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    let offset = 0;
    const next = (): number => {
      let value = 0;
      for (let scale = 1; ; scale *= 0x80) {
        const byte = bytes[offset++] ?? 0;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value;
      }
    };
    while (offset < bytes.length) {
      const tag = next();
      const [number, wire] = [Math.floor(tag / 8), tag % 8];
      if (wire === 1) offset += 8;
      else if (wire === 5) offset += 4;
      else if (wire === 0) this.push(number, next());
      else {
        const length = next();
        this.push(number, bytes.subarray(offset, offset + length));
        offset += length;
      }
    }
  }

  /** An integer field, 0 when absent. */
  integer(number: number): number {
    const value = this.fields.get(number)?.at(-1);
    return typeof value === 'number' ? value : 0;
  }

  /** A string field, empty when absent. */
  text(number: number): string {
    const value = this.fields.get(number)?.at(-1);
    return value instanceof Uint8Array ? new TextDecoder().decode(value) : '';
  }

  /** The messages of a repeated field. */
  messages(number: number): Message[] {
    return (this.fields.get(number) ?? []).flatMap((value) =>
      value instanceof Uint8Array ? [new Message(value)] : [],
    );
  }

  private push(number: number, value: number | Uint8Array): void {
    const values = this.fields.get(number);
    if (values === undefined) this.fields.set(number, [value]);
    else values.push(value);
  }
}
