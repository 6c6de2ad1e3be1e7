// Which CUDA and cuDNN libraries a GPU engine has loaded, which it lacks, and how to get them.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A library of CUDA that TensorFlow loads. */
export interface CudaLibrary {
  /** File name without version, as `libcudnn`. */
  name: string;
  /** `found`: in the engine's folder, but not loaded by this process. */
  state: 'loaded' | 'found' | 'missing';
  /** Where it was loaded from or found; what to do when it is missing. */
  detail: string;
}

/** The CUDA libraries found and missing. */
export interface CudaReport {
  /** The NVIDIA driver: it comes with the system, not with the engine. */
  driver: { present: boolean; detail: string };
  libraries: CudaLibrary[];
}

/** Library, and the folder below `nvidia/` that its wheel unpacks to. */
const LIBRARIES: ReadonlyArray<readonly [name: string, folder: string]> = [
  ['libcudart', 'cuda_runtime'],
  ['libcublas', 'cublas'],
  ['libcublasLt', 'cublas'],
  ['libcudnn', 'cudnn'],
  ['libcufft', 'cufft'],
  ['libcurand', 'curand'],
  ['libcusolver', 'cusolver'],
  ['libcusparse', 'cusparse'],
  ['libnvJitLink', 'nvjitlink'],
  ['libnvrtc', 'cuda_nvrtc'],
  ['libcupti', 'cuda_cupti'],
  ['libnccl', 'nccl'],
];

const DRIVER_PATHS = [
  '/usr/lib/x86_64-linux-gnu/libcuda.so.1',
  '/usr/lib64/libcuda.so.1',
  '/usr/lib/wsl/lib/libcuda.so.1',
  '/proc/driver/nvidia/version',
];

/**
 * @param folder of the engine, with `nvidia/` in it.
 * @param mapped paths of the files that the process has mapped.
 */
export function cudaReport(
  folder: string,
  mapped: readonly string[],
  driverPlaces: readonly string[] = DRIVER_PATHS,
): CudaReport {
  const loadedFile = (name: string): string | undefined => mapped.find((path) => isLibrary(basename(path), name));
  const driver = loadedFile('libcuda') ?? driverPlaces.find((path) => existsSync(path));
  const libraries = LIBRARIES.map(([name, part]): CudaLibrary => {
    const loaded = loadedFile(name);
    if (loaded !== undefined) return { name, state: 'loaded', detail: loaded };
    const libraryFolder = join(folder, 'nvidia', part, 'lib');
    const file = existsSync(libraryFolder)
      ? readdirSync(libraryFolder).find((entry) => isLibrary(entry, name))
      : undefined;
    if (file !== undefined) return { name, state: 'found', detail: join(libraryFolder, file) };
    const wheel = `nvidia-${part.replaceAll('_', '-')}-cu12`;
    return {
      name,
      state: 'missing',
      detail: `comes with ${wheel}: run \`visualbert engine remove\`, then \`visualbert engine install --gpu\``,
    };
  });
  return {
    driver: {
      present: driver !== undefined,
      detail:
        driver ??
        'no NVIDIA driver: install it for your card (nvidia.com/drivers; in a container start it with --gpus all)',
    },
    libraries,
  };
}

function isLibrary(file: string, name: string): boolean {
  return file.startsWith(`${name}.so`);
}
