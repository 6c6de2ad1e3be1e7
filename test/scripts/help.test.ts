// Help texts wrapped to the width of a terminal.
import { describe, expect, test } from '@jest/globals';
import { foldHelp, helpWidth } from '../../scripts/terminal/help.js';

test('help is as wide as COLUMNS asks for, else as the terminal, else 80 columns; never below 40 or above 100', () => {
  expect(helpWidth('60', 120)).toBe(60);
  expect(helpWidth(undefined, 90)).toBe(90);
  expect(helpWidth('', undefined)).toBe(80);
  expect(helpWidth('many', undefined)).toBe(80);
  expect(helpWidth('1000', undefined)).toBe(100);
  expect(helpWidth('3', undefined)).toBe(40);
});

const HELP = [
  'visualbert train vqa',
  '',
  'Data:',
  '  --features                questions of which the regions are read  [array]',
  '  --validation-annotations  the labels  [string] [default: "none"]',
  '',
  'Examples:',
  '  visualbert train vqa --features some/folder/with/a/long/name/features.tsv  a run',
].join('\n');

describe('foldHelp', () => {
  test('puts the meaning of each flag into a column of its own where there is space for it', () => {
    expect(foldHelp(HELP, 62)).toBe(
      [
        'visualbert train vqa',
        '',
        'Data:',
        '  --features                questions of which the regions are',
        '                            read [array]',
        '  --validation-annotations  the labels [string] [default:',
        '                            "none"]',
        '',
        'Examples:',
        '  visualbert train vqa --features \\',
        '    some/folder/with/a/long/name/features.tsv',
        '      a run',
      ].join('\n'),
    );
  });

  test('puts it below the flag on a narrow terminal, and cuts no word that is longer than a line', () => {
    expect(foldHelp(HELP, 40)).toBe(
      [
        'visualbert train vqa',
        '',
        'Data:',
        '  --features',
        '      questions of which the regions are',
        '      read [array]',
        '  --validation-annotations',
        '      the labels [string] [default:',
        '      "none"]',
        '',
        'Examples:',
        '  visualbert train vqa --features \\',
        '    some/folder/with/a/long/name/features.tsv',
        '      a run',
      ].join('\n'),
    );
  });

  test('begins a flag wider than half of the terminal on a line of its own', () => {
    const long = `  --${'b'.repeat(40)}`;
    const rows = ['  -a  the first', `${long}  the second`, '  -c  the third'].join('\n');
    expect(foldHelp(rows, 80)).toBe(['  -a  the first', long, '      the second', '  -c  the third'].join('\n'));
  });
});
