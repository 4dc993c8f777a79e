// Files of this device, chosen or dropped: models, pictures and videos, told apart by what they are.
import {nothingDropped, tooManyModels} from './problems.js';

/**
 * Takes what is dropped anywhere on the page.
 * @param {(files: {models: File[], pictures: File[]}, target: Element) => Promise<void>} take
 * @param {(work: () => Promise<void>) => void} act runs it; what it throws is shown.
 */
export function connectDrop(take, act) {
  let depth = 0; // dragenter and dragleave come for each element on the way
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('dropping', depth > 0);
  };
  document.addEventListener('dragenter', () => mark(1));
  document.addEventListener('dragleave', () => mark(-1));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault(); // else the browser leaves the page for the file
    mark(-depth);
    const files = [...event.dataTransfer.files];
    const {target} = event;
    act(async () => {
      if (!files.length) throw nothingDropped();
      await take(await sorted(files), target);
    });
  });
}

/** @returns {Promise<{models: File[], pictures: File[]}>} */
export async function sorted(files) {
  const found = {models: [], pictures: []};
  for (const file of files) (await isModel(file) ? found.models : found.pictures).push(file);
  if (found.models.length > 2) throw tooManyModels(found.models.length);
  return found;
}

async function isModel(file) {
  if (file.name.toLowerCase().endsWith('.tflite')) return true;
  const head = new Uint8Array(await file.slice(4, 8).arrayBuffer());
  return String.fromCharCode(...head) === 'TFL3';
}
