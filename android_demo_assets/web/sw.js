// Keeps what the page has loaded, so that it works without the server from then on.
// The server comes first while it answers: no version to count, nothing stale.
'use strict';

const CACHE = 'segnet-page';
const PAGE = ['./', 'app.js', 'archive.js', 'catalogue.js', 'classes.js', 'clock.js', 'engine.js',
  'faces.js', 'files.js', 'flatbuffer.js', 'icon.svg', 'legend.js', 'maps.js', 'model_file.js',
  'model_worker.js', 'models.js', 'offline.js', 'overlay.js', 'pane.js', 'player.js', 'probe.js',
  'problems.js', 'screen.js', 'settings.css', 'sources.js', 'style.css'];

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
