// Graphics cards by name, from Linux's list and from WebGPU.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { adapterText, graphicsCards } from '../../src/doctor/graphics-cards.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

test('cards are named by maker, model and driver, in the order of their numbers', () => {
  const folder = temporaryFolder();
  const cards: Record<string, Record<string, string>> = {
    card0: { vendor: '0x1002\n', device: '0x744c\n', uevent: 'DRIVER=amdgpu\nPCI_CLASS=30000\n' },
    card10: { uevent: 'DRIVER=v3d\nOF_NAME=gpu\n' },
    card2: { vendor: '0x8086\n', device: '0x9a49\n', uevent: 'PCI_CLASS=30000\n' },
    card3: { vendor: '0x5143\n', device: '0x0001\n' },
    'card0-HDMI-A-1': { vendor: '0x1002\n' },
    renderD128: { vendor: '0x1002\n' },
  };
  for (const [card, files] of Object.entries(cards)) {
    mkdirSync(join(folder, card, 'device'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, card, 'device', name), text);
  }
  expect(graphicsCards(folder)).toEqual(['AMD 0x744c (amdgpu)', 'Intel 0x9a49', 'maker 0x5143 0x0001', 'v3d']);
  expect(graphicsCards(join(folder, 'nowhere'))).toEqual([]);
});

test.each([
  [
    'apple',
    'metal-3',
    'apple-m1',
    'Metal driver on macOS Version 14.5',
    'apple-m1 (Metal driver on macOS Version 14.5)',
  ],
  ['amd', 'rdna-3', '', '', 'amd rdna-3'],
  ['', '', '', '', 'a card without a name'],
])('an adapter of WebGPU: %s %s', (vendor, architecture, device, description, text) => {
  expect(adapterText({ vendor, architecture, device, description })).toBe(text);
});
