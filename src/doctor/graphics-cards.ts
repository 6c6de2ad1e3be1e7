// Graphics cards: those that Linux lists, and the one that WebGPU computes on.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makers by their PCI ids; of virtual cards the host. */
const MAKERS: Readonly<Record<string, string>> = {
  '0x1002': 'AMD',
  '0x10de': 'NVIDIA',
  '0x1234': 'QEMU',
  '0x1414': 'Microsoft',
  '0x15ad': 'VMware',
  '0x1a03': 'ASPEED',
  '0x1af4': 'virtio',
  '0x8086': 'Intel',
};

/** The cards that Linux lists, such as `AMD 0x744c (amdgpu)`: the device's id says which model. Empty where there is no list. */
export function graphicsCards(folder = '/sys/class/drm'): string[] {
  return entriesOf(folder)
    .filter((name) => /^card\d+$/.test(name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((name) => cardText(join(folder, name, 'device')));
}

function cardText(device: string): string {
  const [vendor, model] = [textOf(join(device, 'vendor')), textOf(join(device, 'device'))];
  const [, driver] = /^DRIVER=(.+)$/m.exec(textOf(join(device, 'uevent')) ?? '') ?? [];
  if (vendor === null) return driver ?? 'a card without a name'; // a part of the processor, not on PCI
  return [MAKERS[vendor] ?? `maker ${vendor}`, model, driver && `(${driver})`].filter(Boolean).join(' ');
}

/** `apple-m1 (Metal driver on macOS Version 14.5)`, from a WebGPU adapter's info. */
export function adapterText({
  vendor,
  architecture,
  device,
  description,
}: Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>): string {
  const name = device || [vendor, architecture].filter(Boolean).join(' ') || 'a card without a name';
  return description ? `${name} (${description})` : name;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}
