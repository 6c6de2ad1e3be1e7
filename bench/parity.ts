// `node dist/bench/parity.js`: runs the parity tests and writes docs/parity.md from their comparisons.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ParityRow } from './report/parity-row.js';

const COMPARED: readonly ParityRow['compared'][] = ['outputs', 'loss', 'gradients', 'parameters after 3 steps'];
const folder = mkdtempSync(join(tmpdir(), 'parity-'));
const report = join(folder, 'rows.jsonl');
try {
  const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', 'parity'];
  const { status } = spawnSync(process.execPath, jest, {
    stdio: 'inherit',
    env: { ...process.env, VISUALBERT_PARITY_REPORT: report },
  });
  if (!existsSync(report)) throw new Error(`the parity tests reported nothing (jest ended with ${status})`);
  const rows = readFileSync(report, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ParityRow);
  writeFileSync(join('docs', 'parity.md'), page(rows));
  console.log(`docs/parity.md: ${rows.length} comparisons`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function page(rows: readonly ParityRow[]): string {
  const cases = new Set(rows.map((row) => row.case));
  return `# Parity with PyTorch

Made by \`npm run build && node dist/bench/parity.js\` from the results of the parity tests; do not edit.

${cases.size} cases made by \`test/fixtures/make_fixtures.py\` with torch 2.13.0 and transformers 5.23, ${rows.length} comparisons.
Every axis of a case has a size of its own, and weights are far from their initial values.

- outputs: largest \`|a - b| / max(1, max|b|)\` over logits, hidden states, attentions and pooled states
- loss: \`|a - b| / max(1, |b|)\`
- gradients: largest \`||a - b|| / ||b||\` over all parameters (those whose true gradient is zero are checked to stay at rounding noise)
- parameters after 3 steps: AdamW with two groups and clipping; largest difference of updates over the update, or the plain difference at small rates

| class | compared | backend | cases | largest error | allowed | case and tensor with the largest error |
|---|---|---|---|---|---|---|
${summary(rows).join('\n')}

## Each case

| case | class | what it shows | ${COMPARED.join(' | ')} |
|---|---|---|---|---|---|---|
${[...cases]
  .sort()
  .map((name) => caseLine(name, rows))
  .join('\n')}
`;
}

function summary(rows: readonly ParityRow[]): string[] {
  const groups = new Map<string, ParityRow[]>();
  for (const row of rows) {
    const key = `${row.class} | ${row.compared} | ${row.backend}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([key, group]) => {
      const worst = group.reduce((a, b) => (b.error / b.tolerance > a.error / a.tolerance ? b : a));
      const values = `${worst.error.toExponential(1)} | ${worst.tolerance.toExponential(0)}`;
      return `| ${key} | ${new Set(group.map((row) => row.case)).size} | ${values} | ${worst.case}: ${worst.worst} |`;
    });
}

function caseLine(name: string, rows: readonly ParityRow[]): string {
  const ofCase = rows.filter((row) => row.case === name);
  const { class: className, notes } = ofCase[0] as ParityRow;
  const errors = COMPARED.map((compared) => {
    const found = ofCase.filter((row) => row.compared === compared).map(({ error }) => error);
    return found.length === 0 ? '' : Math.max(...found).toExponential(1);
  });
  return `| ${name} | ${className.replace('VisualBert', '')} | ${notes} | ${errors.join(' | ')} |`;
}
