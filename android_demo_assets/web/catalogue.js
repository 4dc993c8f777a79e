// What there is to run: the models, labels, colors and sample of manifest.json.
import {Problem, notThere} from './problems.js';

// The folder above holds them; it is android_demo_assets in the project.
const ASSETS = new URL('../', import.meta.url);

/** @returns the manifest, checked as far as this page reads it. */
export async function readCatalogue() {
  const advice = 'Write it with `make android-assets`, then start `make web` again.';
  let manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(await bytes('manifest.json', advice)));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('manifest.json is not JSON.', advice);
  }
  const {models, labels, palette} = manifest;
  if (!models?.length || !labels?.length || palette?.length < labels.length) {
    throw new Problem('manifest.json lacks models, labels or a color for each label.', advice);
  }
  return {...manifest, palette: palette.map((color) => color.slice(0, 3))};
}

/** The content of one file of the manifest. */
export async function readModel({file, bytes: size, sha256}) {
  const content = await bytes(file, 'It is not stored on this device yet, or is gone from the ' +
      'server. Go online once, or choose another model.');
  if (size && content.length !== size || sha256 && !await hasHash(content, sha256)) {
    throw new Problem(
        `${file} is not the file that manifest.json describes.`,
        'Write both again with `make android-assets`.');
  }
  return content;
}

/** The picture to begin with, as a File; `null` if there is none. */
export async function readSample({sample}) {
  if (!sample?.image) return null;
  const content = await bytes(sample.image, 'Open a picture of your own.');
  return new File([content], sample.image);
}

async function hasHash(content, sha256) {
  if (!crypto.subtle) return true; // plain http: the browser has no hashes
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('') === sha256;
}

async function bytes(file, advice) {
  let response;
  try {
    response = await fetch(new URL(file, ASSETS));
  } catch {
    throw notThere(file, advice);
  }
  if (!response.ok) throw notThere(file, advice);
  return new Uint8Array(await response.arrayBuffer());
}
