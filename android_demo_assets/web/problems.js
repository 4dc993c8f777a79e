// What can go wrong, in words: what happened, and what to do about it.

export class Problem extends Error {
  /**
   * @param {string} title what happened.
   * @param {string} advice the way out.
   */
  constructor(title, advice = '') {
    super(title);
    this.advice = advice;
  }
}

const CAMERA = {
  NotAllowedError: [
    'The camera was not allowed.',
    'Allow it in the browser’s settings for this page, then press Camera again.',
  ],
  NotFoundError: [
    'No camera was found.', 'Connect one, or open a picture or a video instead.',
  ],
  NotReadableError: [
    'The camera gives no picture.', 'Close other apps that use it, then press Camera again.',
  ],
};

/** Why browsers keep camera and WebGPU from a page at a plain http address. */
export const INSECURE = 'Browsers give them to https and localhost only: serve the page with a ' +
    'certificate, or, on an Android phone with a cable, run `adb reverse tcp:8000 tcp:8000` ' +
    'and open localhost:8000.';

export function cameraProblem(error) {
  const [title, advice] = CAMERA[error.name] ??
      ['The camera could not be started.', `The browser says: ${error.message}`];
  return new Problem(title, advice);
}

export function insecureCamera() {
  return new Problem('At this address the browser gives no camera.', INSECURE);
}

export function undecodable(file) {
  return new Problem(
      `“${file.name}” can’t be read as a picture or a video.`,
      'It is damaged or of a format this browser doesn’t know. ' +
      'JPEG, PNG and WebP pictures, MP4 and WebM videos work in most.');
}

export function notAModel(name) {
  return new Problem(
      `“${name}” is not a TensorFlow Lite file.`, 'Choose a .tflite file.');
}

export function refusedModel(name, said) {
  return new Problem(
      `LiteRT.js can’t run “${name}”.`,
      'It is damaged, or has operators or types of numbers that are missing here. ' +
      `LiteRT.js says: ${firstLine(said)}`);
}

export function wrongFace(name, what) {
  return new Problem(
      `“${name}” is not a model for this page: ${what}.`,
      'It must take one picture, RGB or grey (1×height×width×3 or ×1, float32 or uint8), and give ' +
      'a map: scores, one logit or probability, or class ids. Export one with: ' +
      'segnet-tf export --int8');
}

export function tooManyModels(count) {
  return new Problem(
      `${count} models are too many.`, 'Choose one, or two to compare them.');
}

export function nothingDropped() {
  return new Problem('No file was dropped.', 'Drop pictures, videos or .tflite files of this device.');
}

export function webGpuFailed(error) {
  return new Problem(
      'WebGPU failed, so the model now runs on the processor.',
      `The browser says: ${firstLine(error)}`);
}

export function notThere(what, advice) {
  return new Problem(`${what} could not be loaded.`, advice);
}

/** Anything thrown, as a Problem. */
export function inWords(error) {
  return error instanceof Problem ? error :
      new Problem('Something went wrong.', `The browser says: ${firstLine(error)}`);
}

export function firstLine(error) {
  return String(error?.message ?? error).trim().split('\n')[0].slice(0, 240);
}
