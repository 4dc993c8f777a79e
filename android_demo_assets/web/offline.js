// What lets the page work without its server.

/** Has a service worker keep what is loaded; goes on without one where there is none. */
export async function offlineCopy() {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  try {
    await workers.register('sw.js');
    const controlled = new Promise((go) => workers.addEventListener('controllerchange', go));
    // The model and LiteRT.js are to pass through it; a forced reload keeps it out.
    const soon = new Promise((go) => setTimeout(go, 3000));
    if (!workers.controller) await Promise.race([controlled, soon]);
  } catch {
    // Refused, as for a certificate that the user had to accept: then there is no offline copy.
  }
}
