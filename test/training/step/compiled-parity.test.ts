// The compiled step against PyTorch: three AdamW steps of every class that has a loss, from the same fixtures as the eager step.
import { describe, test } from '@jest/globals';
import { useBackend } from '../../helpers/backend.js';
import { trainedNames } from '../../helpers/parity/fixtures.js';
import { expectCompiledTraining } from '../../helpers/parity/parity-cases.js';

const choice = await useBackend();
const hasEngine = choice.backend === 'tensorflow';
if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);

(hasEngine ? describe : describe.skip)('the compiled step', () => {
  test.each(trainedNames())('has the parameters of PyTorch after three steps: %s', expectCompiledTraining);
});
