// The few wire types of protocol buffers that TensorBoard's events need. @see https://protobuf.dev/programming-guides/encoding

/** An encoded message: fields appended one after the other. */
export class Message {
  private readonly parts: Uint8Array[] = [];

  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return this.add(field, 1, bytes);
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.add(field, 5, bytes);
  }

  /** A non-negative integer; 0 is the default and left out. */
  integer(field: number, value: number): this {
    return value === 0 ? this : this.add(field, 0, varint(value));
  }

  /** A boolean of a `oneof`, where false is not the same as absent. */
  flag(field: number, value: boolean): this {
    return this.add(field, 0, varint(Number(value)));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.add(field, 2, concat([varint(value.length), value]));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.encode());
  }

  encode(): Uint8Array {
    return concat(this.parts);
  }

  private add(field: number, wireType: number, payload: Uint8Array): this {
    this.parts.push(varint(field * 8 + wireType), payload);
    return this;
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
