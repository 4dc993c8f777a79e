// A model on the best accelerator that takes it, in a worker.
import {classesOf} from './classes.js';
import {faceOf} from './faces.js';
import {describe} from './model_file.js';
import {Problem, firstLine, notAModel, refusedModel} from './problems.js';

// What is tried for a wish, in this order. With `jspi` WebGPU and wasm share a graph out.
// float32 on the GPU, so that it gives the processor's classes; float16 is there to be asked for.
const GPU = [{accelerator: 'webgpu', precision: 'fp32'},
  {accelerator: 'webgpu', precision: 'fp32', jspi: true}];
const CPU = [{accelerator: 'wasm', threads: true}, {accelerator: 'wasm'}];
const ATTEMPTS = {
  'auto': [...GPU, ...CPU],
  'webgpu': [...GPU, ...CPU],
  'webgpu-fp16': [{accelerator: 'webgpu', precision: 'fp16'}, ...CPU],
  'wasm': CPU,
};

export class Engine {
  #worker = null;

  /**
   * Replaces the model.
   * @param {string} name of its file, for messages.
   * @param {Uint8Array} content
   * @param {string} wish a key of ATTEMPTS.
   * @param {{labels, palette}} listed names and colors of manifest.json, for a file without.
   * @returns {Promise<object>} `face`: see faces.js; `classes`: see classes.js; `said`: by the file,
   *   see model_file.js; `runsOn`, `accelerator` and `threads`; `note`: why not on WebGPU, or ''.
   */
  async open(name, content, wish, listed) {
    this.close();
    // Bytes 4 to 8 identify the format.
    if (String.fromCharCode(...content.subarray(4, 8)) !== 'TFL3') throw notAModel(name);
    const said = await describe(content);
    const noGpu = await whyNoGpu();
    let failure;
    let gpuFailure = noGpu;
    for (const attempt of ATTEMPTS[wish]) {
      const gpu = attempt.accelerator === 'webgpu';
      if (gpu && noGpu || attempt.jspi && !('Suspending' in WebAssembly) ||
          attempt.threads && !globalThis.crossOriginIsolated) continue;
      const worker = new Worker(new URL('model_worker.js', import.meta.url));
      try {
        const found = await ask(worker, {action: 'open', content, ...attempt});
        const face = faceOf(name, found, said);
        const classes = classesOf(said, face.map, listed);
        await ask(worker, {action: 'adopt', face, classes: classes.names.length});
        this.#worker = worker;
        const note = gpu || wish === 'wasm' ? '' : gpuFailure;
        const threads = gpu ? 1 : found.threads;
        const {accelerator} = attempt;
        const runsOn = words(attempt, found);
        return {face, classes, said, note, accelerator, threads, runsOn};
      } catch (error) {
        worker.terminate();
        if (error instanceof Problem) throw error; // runs, but is not for this page
        failure = error;
        if (gpu) gpuFailure = `WebGPU was left out: ${firstLine(error)}.`;
      }
    }
    throw refusedModel(name, failure);
  }

  /**
   * @param {ImageData} image of the model's size.
   * @returns {Promise<{labels: Uint16Array, unsure: ?Uint8Array, milliseconds: number}>} `unsure`:
   *   the entropy of each pixel, 255 where all classes are as likely.
   */
  segment(image) {
    return ask(this.#worker, {action: 'segment', pixels: image.data.buffer}, [image.data.buffer]);
  }

  get ready() {
    return this.#worker !== null;
  }

  close() {
    this.#worker?.terminate();
    this.#worker = null;
  }
}

async function whyNoGpu() {
  if (!globalThis.isSecureContext) return 'At a plain http address browsers give no WebGPU.';
  if (!navigator.gpu) return 'This browser has no WebGPU.';
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter ? '' : 'This browser finds no GPU for WebGPU.';
}

/** One question at a time: the page waits for the answer before it asks again. */
function ask(worker, message, transfer = []) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({data}) =>
        data.error === undefined ? resolve(data.answer) : reject(new Error(data.error));
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message || 'the worker ended'));
    };
    worker.postMessage(message, transfer);
  });
}

function words({accelerator, jspi, precision}, {whole}) {
  if (accelerator === 'wasm') return 'wasm';
  if (jspi && !whole) return 'WebGPU + wasm';
  return precision === 'fp16' ? 'WebGPU float16' : 'WebGPU';
}
