// Files at web addresses that are no hub: downloaded once into a folder, resumed where a download broke off. Node only.
import { join } from 'node:path';
import { HubError } from '../../errors.js';
import { fileName } from '../addresses.js';
import { isFile, isOffline } from './cache.js';
import { downloadTo } from './download.js';
import type { HubOptions } from './options.js';
import { headersOf, request, requireSuccess, withRetries } from './request.js';
import { byteCount } from './transfer.js';

/**
 * The path of an address's file in a folder; it is downloaded when it is not there.
 * @throws HubError when the server does not deliver, or the network is not to be used.
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
    throw new HubError(`${url}: is not in ${folder}, and the network is not to be used (HF_HUB_OFFLINE)`);
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
