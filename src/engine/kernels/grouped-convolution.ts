// The kernel `GroupedConvolution`: TensorFlow's Conv2D, which accepts filters with fewer channels than the input; tfjs's conv2d rejects them.
import { TF_ATTR, TF_DTYPE } from '../load/addon.js';
import { typeAttribute } from '../recording/tensorflow-values.js';
import { oneOperation, take } from './one-operation.js';

export const GROUPED_CONVOLUTION = oneOperation('GroupedConvolution', {
  operation: 'Conv2D',
  inputs: take('x', 'filter'),
  attributes: ({ stride, dilation, isPadded }) => [
    typeAttribute('T', TF_DTYPE.float32),
    { name: 'strides', type: TF_ATTR.int, value: [1, stride, stride, 1] },
    { name: 'dilations', type: TF_ATTR.int, value: [1, dilation, dilation, 1] },
    { name: 'padding', type: TF_ATTR.string, value: isPadded ? 'VALID' : 'SAME' },
    { name: 'data_format', type: TF_ATTR.string, value: 'NHWC' },
  ],
});
