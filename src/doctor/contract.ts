// The report about a machine.
import type { EngineInfo } from '../engine/info.js';
import type { BackendName } from '../engine/select-backend.js';

/** A problem that keeps the package from working fully, and its remedy. */
export interface MachineProblem {
  problem: string;
  /** A command, or what to change. */
  remedy: string;
  /** Whether the remedy downloads something. */
  needsNetwork: boolean;
}

/** A backend of TensorFlow.js, after a matrix product and its gradient were computed on it. */
export interface BackendTrial {
  backend: BackendName;
  /** Null where it works. */
  problem: string | null;
  /** Rate of a large fp32 matrix product; null where the backend does not work. */
  gigaflops: number | null;
  /** The graphics card that WebGPU computed on, by its driver's names; null for other backends. */
  card: string | null;
}

/** A package that only some functions need. */
export interface OptionalPackage {
  name: string;
  /** Null when it is not installed. */
  version: string | null;
  /** What needs it. */
  use: string;
}

/** A machine as the package sees it. Contains no user name and no folder above the home folder. */
export interface MachineReport {
  package: string;
  node: string;
  platform: string;
  /** Version of the C library; null where it is not glibc. */
  glibc: string | null;
  processor: string;
  cores: number;
  /** Instruction sets that matter for speed, such as `avx512f`. */
  instructions: readonly string[];
  memoryBytes: number;
  freeMemoryBytes: number;
  /** Graphics cards as Linux lists them, such as `AMD 0x744c (amdgpu)`; empty where it lists none, and on other systems. */
  cards: readonly string[];
  /** Name of an NVIDIA card's driver; null without one. */
  nvidiaDriver: string | null;
  compiler: string | null;
  /** The npm package with addons for this machine; null where it is not installed or does not fit, and a compiler has to make them. */
  prebuilt: string | null;
  /** Whether the loaded engine has all addons, built from the sources of this version of the package. */
  isComplete: boolean;
  /** Null where loading it ended the process that tried: see `backends`. */
  engine: EngineInfo | null;
  /** What of the engine has not been tested on such a machine; null where it has, and without an engine. */
  caveat: string | null;
  backends: readonly BackendTrial[];
  cache: { folder: string; isWritable: boolean; freeBytes: number | null };
  /**
   * The hub that weights are downloaded from; `problem` is null when it answers, and when it was not tried because the environment forbids
   * network access (`isOffline`).
   */
  hub: { address: string; problem: string | null; isOffline: boolean };
  optional: readonly OptionalPackage[];
  problems: readonly MachineProblem[];
}
