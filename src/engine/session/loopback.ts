// Whether a host is this machine alone.

/** Whether a host of this name can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || /^127\./.test(host);
}
