// Files at web addresses outside a hub: downloaded once into a folder; interrupted downloads are resumed. Node only.
import { join } from 'node:path';
import { HubError } from '../../errors.js';
import { fileName } from '../addresses.js';
import { isFile, isOffline } from './cache.js';
import { downloadTo } from './download.js';
import type { HubOptions } from './options.js';
import { headersOf, request, requireSuccess, withRetries } from './request.js';
import { byteCount } from './transfer.js';

/**
 * The path of an address's file in a folder; it is downloaded if missing.
 * @throws HubError when the download fails, or network access is off.
 */
export async function webFile(
  url: string,
  folder: string,
  { localFilesOnly, onProgress }: Pick<HubOptions, 'localFilesOnly' | 'onProgress'> = {},
): Promise<string> {
  const file = fileName(url);
  const path = join(folder, file);
  if (await isFile(path)) return path;
  if (localFilesOnly ?? isOffline())
    throw new HubError(
      `${url}: is not in ${folder}, and network access is off (HF_HUB_OFFLINE); download it once without that variable`,
    );
  const access = { token: null };
  const sizeBytes = await withRetries(url, async () => {
    const response = await request(url, { method: 'HEAD', headers: headersOf(access) });
    requireSuccess(url, response);
    return byteCount(response.headers.get('content-length'));
  });
  const remote = { url, etag: '', commit: '', sizeBytes };
  await downloadTo(path, remote, access, (loadedBytes, totalBytes) => onProgress?.({ file, loadedBytes, totalBytes }));
  return path;
}
