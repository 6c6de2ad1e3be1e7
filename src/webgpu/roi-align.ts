// RoIAlign on WebGPU: one thread per value. It counts the samples of a region itself, which the composed form does from boxes it reads.
import { sizeOf } from '../shapes.js';
import { type Inputs, type Kernel, run, THREADS, type WebGpuBackend, type WebGpuKernel } from './kernel.js';

const ROI_ALIGN: Kernel = {
  name: 'RoiAlign',
  inputs: ['pixels', 'geometry', 'rows'],
  results: ['regions'],
  uniforms: { elements: 'i32', bins: 'i32', channels: 'i32', sampling: 'i32', offset: 'f32', shortest: 'f32' },
  code: `
struct Axis { start: f32, step: f32, samples: i32, last: f32 }

// A cell has about one sample for each pixel; boxes far outside of the map could ask for any number of samples.
fn axisOf(low: f32, high: f32, size: f32) -> Axis {
  let start = low - uniforms.offset;
  let length = max(high - uniforms.offset - start, uniforms.shortest);
  let step = length / f32(uniforms.bins);
  var samples = uniforms.sampling;
  if (samples == 0) {
    samples = i32(clamp(ceil(step), 0.0, 4096.0));
    // WebGPU's quotients may be too large in the last place.
    if (f32((samples - 1) * uniforms.bins) >= length) { samples--; }
  }
  return Axis(start, step, samples, size - 1.0);
}

struct Sample { before: i32, after: i32, rest: f32, isInside: bool }

fn sampleOf(axis: Axis, cell: i32, i: i32) -> Sample {
  let at = axis.start + f32(cell) * axis.step + (f32(i) + 0.5) * axis.step / f32(axis.samples);
  let clipped = clamp(at, 0.0, axis.last);
  let before = floor(clipped);
  let isInside = at >= -1.0 && at <= axis.last + 1.0;
  return Sample(i32(before), i32(min(before + 1.0, axis.last)), clipped - before, isInside);
}

fn main(i: i32) {
  if (i < uniforms.elements) {
    let channel = i % uniforms.channels;
    let cell = i / uniforms.channels % (uniforms.bins * uniforms.bins);
    let region = i / uniforms.channels / (uniforms.bins * uniforms.bins);
    let g = region * 7;
    let scale = geometry[g + 4];
    let lines = axisOf(geometry[g + 1] * scale, geometry[g + 3] * scale, geometry[g + 5]);
    let columns = axisOf(geometry[g] * scale, geometry[g + 2] * scale, geometry[g + 6]);
    let first = rows[region * 2];
    let pitch = rows[region * 2 + 1];
    var sum = 0.0;
    for (var j = 0; j < lines.samples; j++) {
      let y = sampleOf(lines, cell / uniforms.bins, j);
      for (var k = 0; y.isInside && k < columns.samples; k++) {
        let x = sampleOf(columns, cell % uniforms.bins, k);
        if (x.isInside) {
          let above = first + y.before * pitch;
          let below = first + y.after * pitch;
          sum += (1.0 - y.rest) * (1.0 - x.rest) * pixels[(above + x.before) * uniforms.channels + channel]
            + (1.0 - y.rest) * x.rest * pixels[(above + x.after) * uniforms.channels + channel]
            + y.rest * (1.0 - x.rest) * pixels[(below + x.before) * uniforms.channels + channel]
            + y.rest * x.rest * pixels[(below + x.after) * uniforms.channels + channel];
        }
      }
    }
    regions[i] = sum / f32(max(lines.samples * columns.samples, 1));
  }
}`,
};

/** Less than the length of any box. */
const NO_LENGTH = -3.4028234663852886e38;

export const ROI_ALIGN_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  RoiAlign: (
    backend: WebGpuBackend,
    { pixels, geometry, rows, cells }: Inputs<'pixels' | 'geometry' | 'rows' | 'cells'>,
    { sampling, isAligned },
  ) => {
    const [bins, channels] = [cells.shape[0] as number, pixels.shape[1] as number];
    const shape = [geometry.shape[0] as number, bins, bins, channels];
    const elements = sizeOf(shape);
    return run(backend, ROI_ALIGN, {
      inputs: [pixels, geometry, rows],
      results: [shape],
      uniforms: {
        ...{ elements, bins, channels, sampling: Number(sampling) },
        ...(isAligned === true ? { offset: 0.5, shortest: NO_LENGTH } : { offset: 0, shortest: 1 }),
      },
      workgroups: Math.ceil(elements / THREADS),
    });
  },
};
