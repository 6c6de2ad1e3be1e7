// What the name of a parameter says about it, with or without the prefix `visual_bert.`.

/** Whether a parameter belongs to the head of its class. */
export function isHead(name: string): boolean {
  return /^(cls|attention)\./.test(name);
}

/** The number of the encoder layer that a parameter belongs to; null for others. */
export function encoderLayerOf(name: string): number | null {
  const layer = /(?:^|\.)encoder\.layer\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? null : Number(layer);
}
