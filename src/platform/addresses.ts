// Paths and web addresses, for callers that accept both.

/** True for http(s), blob and data addresses. */
export function isUrl(path: string): boolean {
  return /^(https?|blob|data):/i.test(path);
}

/** True for an address of any scheme, such as ftp or s3. */
export function hasScheme(path: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(path);
}

/** Appends a file name to a folder, whether path or address. */
export function joinPath(folder: string, file: string): string {
  return folder.endsWith('/') ? folder + file : `${folder}/${file}`;
}

/** The folder that holds a file; `.` for a bare name. */
export function folderOf(path: string): string {
  return path.includes('/') ? path.replace(/\/[^/]*$/, '') || '/' : '.';
}

/** The last part of a path or address. */
export function fileName(path: string): string {
  return path.replace(/[?#].*$/, '').replace(/^.*\//, '');
}

/** An address for messages: a data address contains a whole picture and is shortened. */
export function shortAddress(url: string): string {
  return url.startsWith('data:') ? `${url.slice(0, 40)}...` : url;
}
