// Predictions of trained models for held-out scenes: a few of each template.
import { openRegionFeatures, pipeline, type SourcedImage } from '../../src/node.js';
import { type Probe } from './balance.js';
import { type Prediction } from './panel.js';
import { SHAPES_RECIPE, type Task } from './recipe.js';
import { type ShapesSplit } from './write-data.js';

const SHOWN_ANSWERS = { topK: 3 };

/** Predictions of a task's run folder, each list of one template. */
export async function predictTemplates(
  task: Task,
  run: string,
  { scenes, questions, statements }: ShapesSplit,
  { images, perTemplate }: { images: string; perTemplate: number },
): Promise<Prediction[][]> {
  const lists = spreadOverTemplates(task === 'vqa' ? questions : statements, perTemplate);
  const probes = lists.flat();
  const source = await openRegionFeatures(images, SHAPES_RECIPE.features);
  const answers = await answersTo(
    task,
    run,
    probes.map(({ text, sceneId }) => ({ text, regions: { source, image: sceneId } })),
  );
  await source.close();
  const byProbe = new Map(probes.map((probe, i) => [probe, answers[i] ?? []]));
  return lists.map((list) =>
    list.map((probe): Prediction => {
      const scene = scenes.find(({ id }) => id === probe.sceneId);
      if (scene === undefined) throw new Error(`scene ${probe.sceneId} is not in its split`);
      return { scene, text: probe.text, truth: probe.answer, answers: byProbe.get(probe) ?? [] };
    }),
  );
}

async function answersTo(
  task: Task,
  run: string,
  asked: readonly { text: string; regions: SourcedImage }[],
): Promise<Prediction['answers'][]> {
  if (task === 'vqa') {
    const ask = await pipeline('visual-question-answering', run);
    const answers = await ask(
      asked.map(({ text, regions }) => ({ question: text, regions })),
      SHOWN_ANSWERS,
    );
    await ask.dispose();
    return answers;
  }
  const judge = await pipeline('visual-reasoning', run);
  const classes = await judge(
    asked.map(({ text, regions }) => ({ statement: text, regions })),
    SHOWN_ANSWERS,
  );
  await judge.dispose();
  return classes.map((list) => list.map(({ label, score }) => ({ answer: label, score })));
}

/** Spread evenly over each template's probes, which are ordered by text and answer. */
function spreadOverTemplates(probes: readonly Probe[], count: number): Probe[][] {
  const templates = [...new Set(probes.map(({ template }) => template))];
  return templates.map((template) => {
    const all = probes.filter((probe) => probe.template === template);
    const indices = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * all.length) / count));
    return [...new Set(indices)].flatMap((i) => all[i] ?? []);
  });
}
