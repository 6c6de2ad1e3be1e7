// What the name of a parameter says about it, with or without the prefix `visual_bert.`.

/** Whether a name, with the prefix, can be that of a parameter: of the body, or of a head. */
export function isParameterName(name: string): boolean {
  return name.startsWith('visual_bert.') || isHead(name);
}

/** Whether a parameter belongs to the head of its class. The pooler belongs to the body. */
export function isHead(name: string): boolean {
  return /^(cls|attention)\./.test(name);
}

/** Whether a parameter belongs to the embeddings. */
export function isOfEmbeddings(name: string): boolean {
  return /(^|\.)embeddings\./.test(name);
}

/** The number of the encoder layer that a parameter belongs to; null for others. */
export function encoderLayerOf(name: string): number | null {
  const layer = /(?:^|\.)encoder\.layer\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? null : Number(layer);
}

/** Whether a parameter is applied to the encoder's output: those of the pooler and the head. */
export function isAboveEncoder(name: string): boolean {
  return !isOfEmbeddings(name) && !/(^|\.)(encoder|additional_layer)\./.test(name);
}

/** Whether a parameter is a table of embeddings, `[rows, h]`. */
export function isEmbeddingTable(name: string): boolean {
  return name.endsWith('_embeddings.weight');
}

/** Whether a parameter is the table of word embeddings, the largest one. */
export function isWordTable(name: string): boolean {
  return name.endsWith('word_embeddings.weight');
}

/** Whether a parameter, where it is a matrix, is the weight `[out, in]` of a linear layer. */
export function isLinearWeight(name: string): boolean {
  return name.endsWith('.weight') && !isEmbeddingTable(name);
}

/** Whether a parameter is the linear weight that joins the heads of an attention: its columns belong to the heads. */
export function joinsAttentionHeads(name: string): boolean {
  return name.endsWith('attention.output.dense.weight');
}

/** Whether a parameter is the bias of the decoder, one value for each word. */
export function isDecoderBias(name: string): boolean {
  return name.endsWith('.decoder.bias');
}

/** Whether weight decay applies: not to biases and scales of layer norms, as in the authors' code and transformers. */
export function isDecayed(name: string): boolean {
  return !name.includes('bias') && !name.includes('LayerNorm.weight');
}
