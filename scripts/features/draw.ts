// visualbert features draw: the regions of one image over its picture.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { counted, drawRegions, type DrawRegionsOptions } from '../../src/node.js';
import { JSON_FLAG, outputFlag } from '../flags/results.js';
import { flagsOf } from '../flags/settings.js';
import { DRAW_OPTIONS } from '../flags/internal.js';

interface DrawArguments extends Pick<DrawRegionsOptions, keyof typeof DRAW_OPTIONS> {
  features: string[];
  pictures: string[];
  image?: string;
  output: string;
  json: boolean;
}

async function draw(flags: ArgumentsCamelCase<DrawArguments>): Promise<void> {
  const { features, pictures, image, output, maxBoxes, labels, attributeLabels, json } = flags;
  const drawn = await drawRegions({ features, pictures, image, output, maxBoxes, labels, attributeLabels });
  console.log(
    json
      ? JSON.stringify({ output, ...drawn }, null, 2)
      : `image ${drawn.image}, ${counted(drawn.boxes, 'region')}: ${output}`,
  );
}

const drawModule: CommandModule<object, DrawArguments> = {
  command: 'draw <features..>',
  describe: 'Draw the regions of an image over its picture, with their classes',
  builder: (inner: Argv) =>
    inner
      .positional('features', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'region features with boxes',
      })
      .options({
        pictures: {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'the picture, or folders, archives or Parquet files that contain it by the image id',
        },
        image: { type: 'string', describe: 'id of the image; required if the features have several images' },
        output: { ...outputFlag('picture to write: .png, .jpg or .webp'), demandOption: true },
        ...flagsOf(DRAW_OPTIONS),
        ...JSON_FLAG,
      })
      .example(
        '$0 features draw coco.vbf --pictures val2014 --image 42 --output 42.png',
        '',
      ) as unknown as Argv<DrawArguments>,
  handler: draw,
};

export const command = drawModule as CommandModule;
