import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { crc32c } from '../../../src/training/log/crc32c.js';
import { TensorBoardWriter } from '../../../src/training/log/tensorboard.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'tensors': 0})
events.Reload()
tags = events.Tags()
content = events.SummaryMetadata('_hparams_/session_start_info').plugin_data.content
settings = metadata.parse_session_start_info_plugin_data(content).hparams
print(json.dumps({
    'scalars': {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags['scalars']},
    'text': [v.decode() for e in events.Tensors('run') for v in tensor_util.make_ndarray(e.tensor_proto)],
    'settings': {name: getattr(value, value.WhichOneof('kind')) for name, value in settings.items()},
    'histogram': [tensor_util.make_ndarray(e.tensor_proto)[[0, -1]].tolist() for e in events.Tensors('weights')],
}))`;

/** A Python that has TensorBoard, by VISUALBERT_TENSORBOARD_PYTHON or as python3. */
function tensorboardPython(): string | null {
  const python = process.env['VISUALBERT_TENSORBOARD_PYTHON'] ?? 'python3';
  try {
    execFileSync(python, ['-c', 'import tensorboard'], { stdio: 'ignore' });
    return python;
  } catch {
    return null;
  }
}

describe('TensorBoardWriter', () => {
  test('checks records with CRC-32C', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283); // RFC 3720, B.4
  });

  test("writes the bytes that TensorBoard's own writer writes", () => {
    const { events } = JSON.parse(readFileSync('test/fixtures/training/tensorboard.json', 'utf8')) as {
      events: string;
    };
    const writer = new TensorBoardWriter(temporaryFolder(), { startStep: 300, now: () => 1000.5 });
    writer.scalars(301, { 'train/loss': 0.25, 'train/learningRate': 1e-5 });
    writer.text(302, 'examples', 'häuser **2**');
    expect(readFileSync(writer.path).toString('base64')).toBe(events);
  });

  test('is read by TensorBoard itself, also after a resume', () => {
    const python = tensorboardPython();
    if (python === null) {
      process.stderr.write(
        'skipped: python3 has no package tensorboard (VISUALBERT_TENSORBOARD_PYTHON names another Python)\n',
      );
      return;
    }
    const dir = temporaryFolder();
    const first = new TensorBoardWriter(dir, { startStep: 0, now: () => 1000 });
    first.hyperparameters({ task: 'vqa', arguments: { learningRate: 0.5, shuffle: true, freeze: ['a'] } });
    first.text(0, 'run', '# settings');
    for (const step of [1, 2, 3, 4]) first.scalars(step, { loss: 1 / step });
    first.histogram(2, 'weights', [1, 2, 2, 3, 3, 3]);
    const resumed = new TensorBoardWriter(dir, { startStep: 2, now: () => 2000 });
    resumed.scalars(3, { loss: 0.125 });
    const read = JSON.parse(
      execFileSync(python, ['-c', READER, dir], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
    ) as unknown;
    expect(read).toEqual({
      scalars: {
        loss: [
          [1, 1],
          [2, 0.5],
          [3, 0.125],
        ],
      },
      text: ['# settings'],
      settings: {
        task: 'vqa',
        'arguments.learningRate': 0.5,
        'arguments.shuffle': true,
        'arguments.freeze': '["a"]',
      },
      histogram: [
        [
          [1, expect.closeTo(1.0667, 3), 1],
          [expect.closeTo(2.9333, 3), 3, 3],
        ],
      ],
    });
  });
});
