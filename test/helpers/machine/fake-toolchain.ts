// Stand-ins for Python's pip, the package index and the C++ compiler, so that installing is tested without a network.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../files/temporary-folder.js';

/** A zip archive with stored (not compressed) files, as a wheel is one. */
export function zipOf(files: Record<string, string>): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [nameBytes, data] = [Buffer.from(name), Buffer.from(text)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(nameBytes.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, nameBytes, data);
    central.push(entry, nameBytes);
    offset += 30 + nameBytes.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** What a wheel of TensorFlow holds, as far as the installation looks. */
export const FAKE_WHEEL: Record<string, string> = {
  'tensorflow/libtensorflow_cc.so.2': 'cc',
  'tensorflow/libtensorflow_framework.so.2': 'framework',
  'tensorflow/include/tensorflow/c/c_api.h': '',
  'tensorflow/python/ops.py': 'not wanted',
  'tensorflow-2.20.0.dist-info/METADATA': 'Name: tensorflow',
};

/** Name of FAKE_WHEEL's file in an index. */
export const FAKE_WHEEL_FILE = 'tensorflow_cpu-2.20.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl';

/** Folders and environment of one test, removed after it. */
export interface FakeToolchain {
  folder: string;
  /** `VISUALBERT_CACHE`, `VISUALBERT_PYTHON` and `CXX` of the stand-ins, and pip's settings: an index that pip alone may read. */
  env: Record<string, string>;
  /** Replaces what `pip download` does: a shell script, `$dest` is its target folder. */
  setPip(script: string): void;
  setCompiler(script: string): void;
}

/** Stand-ins that succeed: pip delivers FAKE_WHEEL, the compiler writes an empty addon. Each call is noted in `calls` inside the folder. */
export function fakeToolchain(): FakeToolchain {
  const folder = temporaryFolder();
  const script = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const wheel = join(folder, 'wheel.zip');
  writeFileSync(wheel, zipOf(FAKE_WHEEL));
  mkdirSync(join(folder, 'cache'));
  const setPip = (text: string): string =>
    script(
      'python',
      `[ "$3" = --version ] && exit 0\necho pip >> '${folder}/calls'\nwhile [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; shift; done\n${text}`,
    );
  const setCompiler = (text: string): string =>
    script(
      'cxx',
      `[ "$1" = --version ] && exit 0\necho cxx >> '${folder}/calls'\nwhile [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done\n${text}`,
    );
  const python = setPip(`cp '${wheel}' "$dest/tensorflow_cpu-2.20.0-cp312.whl"`);
  const compiler = setCompiler(`echo addon > "$out"`);
  return {
    folder,
    env: {
      ...{ VISUALBERT_CACHE: join(folder, 'cache'), VISUALBERT_PYTHON: python, CXX: compiler },
      ...{ PIP_CONFIG_FILE: '/dev/null', PIP_KEYRING_PROVIDER: 'subprocess' },
    },
    setPip,
    setCompiler,
  };
}
