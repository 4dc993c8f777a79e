// Keeps what the page has loaded, so that it works without the server from then on.
// The server comes first while it answers: no version to count, nothing stale.
'use strict';

const CACHE = 'segnet-page';
const PAGE = ['./', 'app.js', 'catalogue.js', 'clock.js', 'engine.js', 'icon.svg', 'legend.js',
  'model_worker.js', 'overlay.js', 'problems.js', 'screen.js', 'sources.js', 'style.css'];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(PAGE)));
  self.skipWaiting();
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const {request} = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.status === 200) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, {ignoreSearch: true});
    if (kept) return kept;
    throw error;
  }
}
