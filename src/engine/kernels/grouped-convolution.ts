// The kernel `GroupedConvolution`: TensorFlow's Conv2D, which accepts filters with fewer channels than the input; tfjs's conv2d rejects them.
import type * as tf from '@tensorflow/tfjs';
import { TF_ATTR, TF_DTYPE } from '../load/addon.js';
import type { KernelForm } from '../recording/own-operations.js';
import { typeAttribute } from '../recording/tensorflow-values.js';

export const GROUPED_CONVOLUTION: KernelForm = {
  name: 'GroupedConvolution',
  inputs: ({ x, filter }) => [x as tf.Tensor, filter as tf.Tensor],
  attributes: ({ stride, dilation, isPadded }) => [
    typeAttribute('T', TF_DTYPE.float32),
    { name: 'strides', type: TF_ATTR.int, value: [1, stride, stride, 1] },
    { name: 'dilations', type: TF_ATTR.int, value: [1, dilation, dilation, 1] },
    { name: 'padding', type: TF_ATTR.string, value: isPadded === true ? 'VALID' : 'SAME' },
    { name: 'data_format', type: TF_ATTR.string, value: 'NHWC' },
  ],
  outputs: 1,
};
