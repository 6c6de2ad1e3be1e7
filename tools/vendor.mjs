// Copies the required parts of @tensorflow/tfjs-node-gpu into vendor/: its JavaScript kernels and C++ binding. Run before packing.
// The package itself is not a dependency: its install script downloads an outdated library, and fails if the download does.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE = join(ROOT, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
const TARGET = join(ROOT, 'vendor', 'tfjs-node');
const MODULES = ['nodejs_kernel_backend.js', 'int64_tensors.js', 'register_all_kernels.js'];

if (!existsSync(SOURCE)) {
  console.error(
    'tools/vendor.mjs: node_modules lacks @tensorflow/tfjs-node-gpu, whose kernels are packed; run `npm ci` first.',
  );
  process.exit(1);
}
const { version, license } = JSON.parse(readFileSync(join(SOURCE, 'package.json'), 'utf8'));

// Files of sources that have been removed must not be packed.
rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
rmSync(TARGET, { recursive: true, force: true });
mkdirSync(join(TARGET, 'dist', 'proto'), { recursive: true });
for (const name of MODULES) cpSync(join(SOURCE, 'dist', name), join(TARGET, 'dist', name));
const isKernel = (path) => !/\.(ts|map)$/.test(path) && !/_test\.js$/.test(path);
cpSync(join(SOURCE, 'dist', 'kernels'), join(TARGET, 'dist', 'kernels'), { recursive: true, filter: isKernel });
cpSync(join(SOURCE, 'binding'), join(TARGET, 'binding'), { recursive: true });
cpSync(join(ROOT, 'LICENSE'), join(TARGET, 'LICENSE'));
write(
  'package.json',
  `${JSON.stringify({ name: 'tfjs-node-kernels', version, license, private: true, type: 'commonjs' }, null, 2)}\n`,
);
write(
  'README.md',
  `JavaScript kernels and C++ binding of @tensorflow/tfjs-node-gpu ${version} (https://github.com/tensorflow/tfjs), Copyright Google LLC, ` +
    'Apache-2.0 (see LICENSE). Unchanged, without tests and installer; dist/proto/api_pb.js is replaced by an empty one.\n',
);
// The protocol buffers serve tfjs-node's own TensorBoard callback, which this package does not use, and would bring google-protobuf.
write('dist/proto/api_pb.js', '// Replaced: see README.md.\nmodule.exports = {};\n');

function write(path, text) {
  writeFileSync(join(TARGET, path), text);
}
