// Our process of the detector measurement, which runs the code of src/; see subject.ts for its commands.
import { type DetectedRegions, RegionDetector, selectBackend } from '../../src/node.js';
import { answerCommands, memory } from './commands.js';

interface StartArgs {
  name: string;
  weights: string;
  picture: string;
  precision: 'fp32' | 'bf16';
  threads: number;
}

let detector: RegionDetector;
let picture: string;

async function start({ name, weights, picture: path, precision, threads }: StartArgs): Promise<object> {
  await selectBackend({ threads });
  detector = await RegionDetector.fromPretrained(weights, { detector: name, precision });
  picture = path;
  return {};
}

/** Pictures one by one, each from its file to its regions. */
async function run({ count }: { count: number }): Promise<object> {
  const ms: number[] = [];
  const before = process.cpuUsage();
  let regions: DetectedRegions | undefined;
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    [regions] = await detector.detect([picture]);
    ms.push(performance.now() - begin);
  }
  const { user, system } = process.cpuUsage(before);
  return {
    ms,
    cpuMs: (user + system) / 1000 / count,
    boxes: [...(regions?.boxes ?? [])],
    features: [...(regions?.features ?? [])],
  };
}

await answerCommands({ start, run, memory });
