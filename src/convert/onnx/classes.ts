// Every class of the family as an ONNX graph: its inputs, the body, its head and its outputs, named as in transformers.
import type { VisualBertConfig } from '../../config/config.js';
import type { Architecture } from '../../models/pretrained/classify.js';
import { backbone, type BackboneValues, type StateChoice } from './backbone.js';
import { type Axis, GraphBuilder, type OnnxGraph, type Value } from './graph-builder.js';
import { DATA_TYPES } from './messages.js';
import { classifier, linear, maskedLmHead, pooler, regionToPhraseAttention } from './layers.js';

/** The prefix of the body's parameters inside a head class. */
const BODY = 'visual_bert.';
const [BATCH, TEXT, REGIONS] = ['batch', 'text', 'regions'];
const SEQUENCE = `${TEXT} + ${REGIONS}`;

/** Adds a class to a graph. */
type ClassGraph = (g: GraphBuilder, config: VisualBertConfig) => void;

const CLASSES: Readonly<Record<Architecture, ClassGraph>> = {
  VisualBertModel: (g, config) => {
    const states = backbone(g, '', sharedInputs(g, config), config);
    g.output('last_hidden_state', 'float32', [BATCH, SEQUENCE, config.hiddenSize], states);
    g.output('pooler_output', 'float32', [BATCH, config.hiddenSize], pooler(g, states, 'pooler'));
  },
  VisualBertForPreTraining: (g, config) => {
    const states = backbone(g, BODY, sharedInputs(g, config), config);
    const table = `${BODY}embeddings.word_embeddings.weight`;
    const scores = maskedLmHead(g, states, 'cls.predictions', table, config);
    const matches = linear(g, pooler(g, states, `${BODY}pooler`), 'cls.seq_relationship');
    g.output('prediction_logits', 'float32', [BATCH, SEQUENCE, config.vocabSize], scores);
    g.output('seq_relationship_logits', 'float32', [BATCH, 2], matches);
  },
  VisualBertForQuestionAnswering: (g, config) => {
    const inputs = sharedInputs(g, config);
    const answer = backbone(g, BODY, inputs, config, lastTokenButOne(g, inputs.attentionMask)); // [b, 1, h]
    const scores = classifier(g, g.add('Squeeze', [answer, g.integers(1)]), 'cls', config);
    g.output('logits', 'float32', [BATCH, config.numLabels], scores);
  },
  VisualBertForVisualReasoning: (g, config) => {
    const states = backbone(g, BODY, sharedInputs(g, config), config, firstPosition(g));
    g.output('logits', 'float32', [BATCH, config.numLabels], classifierOfPooled(g, states, 'cls', config));
  },
  VisualBertForMultipleChoice: (g, config) => {
    const choices = 'choices';
    const alignment = g.input('image_text_alignment', 'int64', [BATCH, choices, REGIONS, 'aligned']);
    const inputs = { ...sharedInputs(g, config, [BATCH, choices]), imageTextAlignment: alignment };
    const sizes = g.sizes(inputs.inputIds, 0, 2); // b, choices
    const states = backbone(g, BODY, joinChoices(g, inputs, sizes), config, firstPosition(g));
    const scores = classifierOfPooled(g, states, 'cls', config); // [b choices, 1]
    g.output('logits', 'float32', [BATCH, choices], g.add('Reshape', [scores, sizes]));
  },
  VisualBertForRegionToPhraseAlignment: (g, config) => {
    const inputs = sharedInputs(g, config);
    const positions = g.input('region_to_phrase_position', 'int64', [BATCH, 'phrases']);
    const states = backbone(g, BODY, inputs, config); // [b, s, h]
    const regions = g.slice(states, 1, g.sizes(inputs.inputIds, 1, 2), g.sizes(states, 1, 2)); // [b, v, h]
    const phrases = statesAt(g, states, g.add('Max', [positions, g.integer(0)])); // [b, p, h]
    const scored = { phrases, regions, mask: inputs.visualAttentionMask };
    const scores = regionToPhraseAttention(g, scored, 'attention', config);
    g.output('logits', 'float32', [BATCH, 'phrases', REGIONS], scores);
  },
};

/** The graph of a class under a configuration. @throws ConfigError for an activation without an ONNX form. */
export function graphOf(architecture: Architecture, config: VisualBertConfig): OnnxGraph {
  const g = new GraphBuilder();
  CLASSES[architecture](g, config);
  return g.build(architecture);
}

function sharedInputs(g: GraphBuilder, config: VisualBertConfig, lead: readonly Axis[] = [BATCH]): BackboneValues {
  const text = [...lead, TEXT];
  const regions = [...lead, REGIONS];
  return {
    inputIds: g.input('input_ids', 'int64', text),
    attentionMask: g.input('attention_mask', 'int64', text),
    tokenTypeIds: g.input('token_type_ids', 'int64', text),
    visualEmbeds: g.input('visual_embeds', 'float32', [...regions, config.visualEmbeddingDim]),
    visualAttentionMask: g.input('visual_attention_mask', 'int64', regions),
    visualTokenTypeIds: g.input('visual_token_type_ids', 'int64', regions),
  };
}

/** `[b, choices, ...]` to `[b choices, ...]`. */
function joinChoices(g: GraphBuilder, inputs: BackboneValues, sizes: Value): BackboneValues {
  const rows = g.add('ReduceProd', [sizes], { keepdims: 1 }); // [b choices]
  const joined = Object.entries(inputs).map(([name, value]: [string, Value]) => {
    const shape = g.add('Concat', [rows, g.sizes(value, 2)], { axis: 0 });
    return [name, g.add('Reshape', [value, shape], { allowzero: 1 })]; // no region at all is a size of 0, not "as before"
  });
  return Object.fromEntries(joined) as BackboneValues;
}

function firstPosition(g: GraphBuilder): StateChoice {
  return (states) => g.slice(states, 1, g.integers(0), g.integers(1));
}

/** Where the authors read the answer: number `sum(attention_mask) - 2` of each row. */
function lastTokenButOne(g: GraphBuilder, mask: Value): StateChoice {
  const attended = g.add('Cast', [g.add('Not', [g.add('Equal', [mask, g.integer(0)])])], { to: DATA_TYPES.int64 });
  const counts = g.add('ReduceSum', [attended, g.integers(1)], { keepdims: 1 }); // [b, 1]
  const positions = g.add('Max', [g.add('Sub', [counts, g.integer(2)]), g.integer(0)]);
  return (states) => statesAt(g, states, positions);
}

/** `[b, s, h]` at positions `[b, p]` of each row: `[b, p, h]`. */
function statesAt(g: GraphBuilder, states: Value, positions: Value): Value {
  return g.add('GatherND', [states, g.add('Unsqueeze', [positions, g.integers(2)])], { batch_dims: 1 });
}

function classifierOfPooled(g: GraphBuilder, states: Value, path: string, config: VisualBertConfig): Value {
  return classifier(g, pooler(g, states, `${BODY}pooler`), path, config);
}
