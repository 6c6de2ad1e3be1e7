// visualbert features extract: detects regions in pictures and writes them into a store. About a second per picture on a CPU with the larger detectors; resumable.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import {
  counted,
  extractFeatures,
  type Extraction,
  type ExtractOptions,
  type IgnoredFiles,
  listenForStop,
} from '../../src/node.js';
import { createCountBar, createDownloadBar } from '../results/count-bar.js';
import { exitCodeOf } from '../results/signal-exit.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from '../flags/backend.js';
import { shardFlag, shardOf } from '../flags/shard.js';
import { JSON_FLAG, reasonLines, RESUMED_OUTPUT_FLAG } from '../flags/results.js';
import { flagsOf, givenValues } from '../flags/settings.js';
import { DETECTOR_DESCRIPTION } from '../flags/stores.js';
import { detectorText, EXTRACT_OPTIONS } from '../flags/internal.js';

interface ExtractArguments extends BackendArguments, Pick<ExtractOptions, keyof typeof EXTRACT_OPTIONS> {
  pictures: string[];
  detector: string;
  output: string;
  shard?: string;
  json: boolean;
}

async function extract(flags: ArgumentsCamelCase<ExtractArguments>): Promise<void> {
  const { pictures, detector, output, json } = flags;
  const shard = shardOf(flags.shard);
  await useBackend(flags, 'infer');
  const [bar, downloads, stop] = [createCountBar('images'), createDownloadBar(), new AbortController()];
  const signals = listenForStop((signal) => {
    stop.abort(signal);
    process.exitCode = exitCodeOf(signal);
  });
  try {
    const made = await extractFeatures({
      ...givenValues({ ...flags }, EXTRACT_OPTIONS),
      ...{ pictures, detector, output, shard, signal: stop.signal },
      onProgress: downloads.update,
      onImage: (done, all) => {
        downloads.stop();
        bar.update(done, all);
      },
    });
    bar.stop();
    console.log(json ? JSON.stringify({ output, ...made }, null, 2) : extractionText(made, output));
    if (!made.isFinished)
      console.error(
        `stopped by ${signals.received}; run the same command again to continue (finished images are in ${output}.part)`,
      );
  } finally {
    downloads.stop();
    bar.stop();
    signals.release();
  }
}

function extractionText(made: Extraction, output: string): string {
  const { images, earlier, removed, dim, detector, badImages, ignored, isFinished } = made;
  return [
    ...(removed === 0
      ? []
      : [
          `removed ${counted(removed, 'image')} of earlier runs: their pictures have changed or are not given any more`,
        ]),
    ...ignored.map(ignoredText),
    ...(badImages.length === 0 ? [] : [`left out ${counted(badImages.length, 'picture')}:`]),
    ...reasonLines(badImages.map(({ reason }) => reason)),
    `${counted(images, 'image')}${earlier > 0 ? `, ${earlier} of them from earlier runs` : ''}, feature width ${dim}, regions of ${detectorText(detector)}`,
    ...(isFinished ? [`written to ${output}`] : []),
  ].join('\n');
}

/** `3 files of photos left out: .bmp 1, no extension 2`. */
function ignoredText({ folder, endings }: IgnoredFiles): string {
  const counts = Object.entries(endings);
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  const parts = counts.map(([ending, count]) => `${ending === '' ? 'no extension' : ending} ${count}`);
  return `${counted(all, 'file')} of ${folder} left out: ${parts.join(', ')}`;
}

const extractModule: CommandModule<object, ExtractArguments> = {
  command: 'extract <pictures..>',
  describe: 'Detect regions in pictures and write their features into a store; resumes when started again',
  builder: (inner: Argv) =>
    inner
      .positional('pictures', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'folders, patterns, lists (.txt), zip or tar archives, Parquet files or pictures',
      })
      .options({
        detector: {
          type: 'string',
          demandOption: true,
          describe: DETECTOR_DESCRIPTION,
        },
        ...RESUMED_OUTPUT_FLAG,
        shard: shardFlag('the pictures'),
        ...flagsOf(EXTRACT_OPTIONS),
        ...JSON_FLAG,
        ...BACKEND_FLAGS,
      })
      .example('$0 features extract train2014.zip val2014 --detector mmf-x101 --output coco.vbf', '')
      .example(
        '$0 features extract photos --detector runs/detector --output part-2.vbf --shard 2/4',
        'the second quarter; `merge part-*.vbf --output photos.vbf` joins them',
      ) as unknown as Argv<ExtractArguments>,
  handler: extract,
};

export const command = extractModule as CommandModule;
