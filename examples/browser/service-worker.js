// Caches the page's own files, so that it opens offline; models are cached by download.ts. build.ts defines FILES above this text.
/* global FILES */
const CACHE = 'visualbert-page';
const addresses = new Set(FILES.map((file) => new URL(file, self.registration.scope).href));

self.addEventListener('install', (event) => event.waitUntil(addFiles()));
self.addEventListener('activate', (event) => event.waitUntil(removeOldFiles()));
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && addresses.has(withoutSearch(url))) event.respondWith(respond(event.request));
});

async function addFiles() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...addresses].map((address) => new Request(address, { cache: 'no-cache' })));
}

async function removeOldFiles() {
  const cache = await caches.open(CACHE);
  for (const { url } of await cache.keys()) if (!addresses.has(url)) await cache.delete(url);
}

/** The server's file if it can be reached, else the cached one. */
async function respond(request) {
  const cache = await caches.open(CACHE);
  const address = withoutSearch(request.url);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(address, response.clone());
    return response;
  } catch (error) {
    const cached = await cache.match(address);
    if (cached === undefined) throw error;
    return cached;
  }
}

function withoutSearch(address) {
  const url = new URL(address);
  return url.origin + url.pathname;
}
