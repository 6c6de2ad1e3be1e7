// Options of hub downloads, and the addresses of files.

/** Bytes of one file that have arrived. */
export interface HubProgress {
  file: string;
  loadedBytes: number;
  /** Null if unknown. */
  totalBytes: number | null;
}

/** Options of a hub download; defaults come from the environment variables of the Python client. */
export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  revision?: string;
  /** Folder inside the repository. */
  subfolder?: string;
  /** The cache folder. Default HF_HUB_CACHE, then HF_HOME/hub, then ~/.cache/huggingface/hub. */
  cacheDir?: string;
  /** Access token. Default HF_TOKEN, then the token file of the Python client. `false` sends none. */
  token?: string | false;
  /** Never touch the network. Default HF_HUB_OFFLINE. */
  localFilesOnly?: boolean;
  /** Default HF_ENDPOINT, then the public hub. */
  endpoint?: string;
  onProgress?: (progress: HubProgress) => void;
}

/** The public hub. */
export const PUBLIC_HUB = 'https://huggingface.co';

/** The address of a file of a repository. */
export function hubUrl(
  repoId: string,
  file: string,
  { endpoint = PUBLIC_HUB, revision = 'main', subfolder }: HubOptions,
): string {
  const path = (subfolder === undefined || subfolder === '' ? file : `${subfolder}/${file}`)
    .split('/')
    .map(encodeURIComponent)
    .join('/');
  return `${endpoint.replace(/\/+$/, '')}/${repoId}/resolve/${encodeURIComponent(revision)}/${path}`;
}

/** True for `name` or `owner/name` as the hub writes ids. */
export function isRepoId(text: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)?$/.test(text) && !/(^|\/)\.{1,2}(\/|$)|--|\.\./.test(text);
}
