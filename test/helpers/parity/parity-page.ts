// The script of the page of parity tests in browsers: opens a fixture's model and computes its values.
import { type Backend, chooseBackend } from '../../../examples/browser/backends.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import type { Fixture } from './fixture.js';
import { modelOf } from './fixture-model.js';
import { gradientsOf, type Named, outputsOf, trainAsFixture } from './parity-values.js';

/** A fixture whose arrays are plain lists: what a page can be handed. */
export type PlainFixture = Omit<Fixture, 'tensors'> & {
  tensors: [name: string, tensor: Omit<RawTensor, 'data'> & { data: number[] }][];
};
export type PlainNamed = [name: string, values: number[]][];

export interface ParityPage {
  open(fixture: PlainFixture, backend: Backend): Promise<void>;
  outputs(): Promise<{ shapes: Record<string, number[]>; values: PlainNamed }>;
  gradients(): Promise<PlainNamed>;
  train(): Promise<{ losses: number[]; parameters: PlainNamed }>;
  dispose(): void;
}

const plain = (values: Named): PlainNamed => [...values].map(([name, data]) => [name, Array.from(data)]);
const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

let fixture: Fixture;
let model: VisualBertPreTrainedModel;

const page: ParityPage = {
  open: async ({ tensors, ...rest }, backend) => {
    await chooseBackend(backend);
    const typed = tensors.map(
      ([name, { data, ...tensor }]) => [name, { ...tensor, data: ARRAYS[tensor.dtype].from(data) }] as const,
    );
    fixture = { ...rest, tensors: new Map<string, RawTensor>(typed) };
    model = modelOf(fixture);
  },
  outputs: async () => {
    const { shapes, values } = await outputsOf(model, fixture);
    return { shapes, values: plain(values) };
  },
  gradients: async () => plain(await gradientsOf(model, fixture)),
  train: async () => {
    const { losses, parameters } = await trainAsFixture(model, fixture, (options) =>
      createTrainingStep(model, options),
    );
    return { losses, parameters: plain(parameters) };
  },
  dispose: () => model.dispose(),
};
Object.assign(globalThis, { parity: page });
