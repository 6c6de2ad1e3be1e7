// The PyPI wheels with the TensorFlow libraries of each platform, by exact name, version and sha256.
import { EngineError } from '../../errors.js';
import { DEFAULT_TENSORFLOW, type DeviceKind } from '../load/engine-id.js';

/** One wheel to be fetched by pip. */
export interface Wheel {
  name: string;
  version: string;
  /** Platform tags that pip may choose from. */
  tags: readonly string[];
  /** Of the wheel file; null: the hash stated by the package index is checked. */
  sha256: string | null;
  /** Size of the wheel file, for progress and for the check of free space; an estimate where sha256 is null. */
  bytes: number;
}

/** What to install for one platform and device. */
export interface WheelPlan {
  tensorflow: string;
  device: DeviceKind;
  wheels: readonly Wheel[];
  /** Size of the unpacked libraries. */
  unpackedBytes: number;
  /** What of it has not been tested; null where it has. */
  caveat: string | null;
}

/** The machine that an engine is chosen for. */
export interface Host {
  platform: NodeJS.Platform;
  arch: string;
  /** glibc's version, null where the C library is another one. */
  glibc: string | null;
}

const LINUX_X64 = ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'];
const CUDA_LINUX_X64 = [...LINUX_X64, 'manylinux_2_12_x86_64', 'manylinux2010_x86_64', 'manylinux1_x86_64'];
const LINUX_ARM64 = ['manylinux_2_27_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64'];
const MACOS_ARM64 = ['macosx_12_0_arm64', 'macosx_11_0_arm64'];

/** The CUDA 12 and cuDNN 9 wheels that `tensorflow[and-cuda]` 2.21.0 asks for. */
const CUDA_WHEELS: readonly Wheel[] = [
  cuda(
    'nvidia-cublas-cu12',
    '12.9.3.13',
    581_217_458,
    'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
  ),
  cuda(
    'nvidia-cuda-cupti-cu12',
    '12.8.90',
    10_248_621,
    'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
  ),
  cuda(
    'nvidia-cuda-nvcc-cu12',
    '12.9.86',
    40_546_229,
    '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
  ),
  cuda(
    'nvidia-cuda-nvrtc-cu12',
    '12.9.86',
    89_568_129,
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
  ),
  cuda(
    'nvidia-cuda-runtime-cu12',
    '12.9.79',
    3_493_179,
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
  ),
  cuda(
    'nvidia-cudnn-cu12',
    '9.28.0.42',
    716_538_495,
    '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
  ),
  cuda(
    'nvidia-cufft-cu12',
    '11.4.1.4',
    200_877_592,
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
  ),
  cuda(
    'nvidia-curand-cu12',
    '10.3.10.19',
    68_295_626,
    '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
  ),
  cuda('nvidia-cusolver-cu12', '11.7.5.82', 338_100_000, null),
  cuda('nvidia-cusparse-cu12', '12.5.10.65', 366_500_000, null),
  cuda('nvidia-nccl-cu12', '2.27.7', 300_000_000, null),
  cuda('nvidia-nvjitlink-cu12', '12.9.86', 39_700_000, null),
];

function cuda(name: string, version: string, bytes: number, sha256: string | null): Wheel {
  return { name, version, bytes, sha256, tags: CUDA_LINUX_X64 };
}

interface Row {
  platform: NodeJS.Platform;
  arch: string;
  device: DeviceKind;
  name: string;
  tags: readonly string[];
  /** sha256 and size of DEFAULT_TENSORFLOW's wheel. */
  sha256: string | null;
  bytes: number;
  extra: readonly Wheel[];
  unpackedBytes: number;
  /** What DEFAULT_TENSORFLOW has not been tested on; null where it has. */
  caveat: string | null;
}

const GB = 1e9;
const TABLE: readonly Row[] = [
  {
    platform: 'linux',
    arch: 'x64',
    device: 'cpu',
    name: 'tensorflow-cpu',
    tags: LINUX_X64,
    sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
    bytes: 274_000_871,
    extra: [],
    unpackedBytes: 0.9 * GB,
    caveat: null,
  },
  {
    platform: 'linux',
    arch: 'x64',
    device: 'gpu',
    name: 'tensorflow',
    tags: LINUX_X64,
    sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
    bytes: 572_611_111,
    extra: CUDA_WHEELS,
    unpackedBytes: 6 * GB,
    caveat: 'not tested on a graphics card',
  },
  {
    platform: 'linux',
    arch: 'arm64',
    device: 'cpu',
    name: 'tensorflow',
    tags: LINUX_ARM64,
    sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    bytes: 281_946_471,
    extra: [],
    unpackedBytes: 0.9 * GB,
    caveat: 'tested under emulation (QEMU), not on an ARM machine',
  },
  {
    platform: 'darwin',
    arch: 'arm64',
    device: 'cpu',
    name: 'tensorflow',
    tags: MACOS_ARM64,
    sha256: '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
    bytes: 223_488_205,
    extra: [],
    unpackedBytes: 0.9 * GB,
    caveat: 'not tested on a Mac',
  },
];

/**
 * The wheels for a machine.
 * @throws EngineError when there is no TensorFlow for it; the message says what works instead.
 */
export function wheelPlan(host: Host, device: DeviceKind, tensorflow: string = DEFAULT_TENSORFLOW): WheelPlan {
  if (!/^\d+\.\d+\.\d+$/.test(tensorflow)) {
    throw new EngineError(
      `TensorFlow version: expected three numbers such as ${DEFAULT_TENSORFLOW}, received '${tensorflow}'.`,
    );
  }
  const [major = 0, minor = 0] = tensorflow.split('.').map(Number);
  // 2.16 is the first release with wheels for Python 3.12, whose tag is requested.
  if (major !== 2 || minor < 16)
    throw new EngineError(`TensorFlow ${tensorflow} is too old or unknown: 2.16.0 and newer can be used.`);
  const row = TABLE.find((r) => r.platform === host.platform && r.arch === host.arch && r.device === device);
  if (row === undefined) throw new EngineError(unsupported(host, device));
  if (host.platform === 'linux' && !glibcAtLeast(host.glibc, 2, 27)) {
    throw new EngineError(
      `The native engine needs Linux with glibc 2.27 or newer, and this system has ${host.glibc === null ? 'another C library (Alpine has musl)' : `glibc ${host.glibc}`}: ` +
        'use an image based on Debian, Ubuntu or Fedora. Prediction and evaluation run without it, on WebAssembly.',
    );
  }
  const pinned = tensorflow === DEFAULT_TENSORFLOW;
  const main: Wheel = {
    name: row.name,
    version: tensorflow,
    tags: row.tags,
    sha256: pinned ? row.sha256 : null,
    bytes: row.bytes,
  };
  return {
    tensorflow,
    device,
    wheels: [main, ...row.extra],
    unpackedBytes: row.unpackedBytes,
    caveat: pinned ? row.caveat : `not tested with TensorFlow ${tensorflow}`,
  };
}

function glibcAtLeast(version: string | null, major: number, minor: number): boolean {
  if (version === null) return false;
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

function unsupported(host: Host, device: DeviceKind): string {
  const name = `${host.platform} ${host.arch}`;
  if (host.platform === 'win32') {
    return 'The native engine does not exist for Windows itself: install WSL2 (`wsl --install`) and run visualbert there. Prediction and evaluation run here without it, on WebAssembly.';
  }
  if (device === 'gpu' && TABLE.some((r) => r.platform === host.platform && r.arch === host.arch)) {
    return `There is no GPU engine for ${name}, only for Linux x64 with an NVIDIA card: run \`visualbert engine install\` without --gpu.`;
  }
  return `There is no native engine for ${name}: Linux x64, Linux arm64 and macOS arm64 have one. Prediction and evaluation run without it, on WebAssembly.`;
}

/** This machine. */
export function currentHost(): Host {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return { platform: process.platform, arch: process.arch, glibc: report?.header?.glibcVersionRuntime ?? null };
}
