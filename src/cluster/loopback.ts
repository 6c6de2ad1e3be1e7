// Whether a host is this machine alone.

/** Whether nothing outside of this machine can reach a host of this name. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || /^127\./.test(host);
}
