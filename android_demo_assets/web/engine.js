// A model on the best accelerator that takes it, in a worker.
import {firstLine, notAModel, refusedModel, wrongFace} from './problems.js';

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
   * @param {number} classes how many scores a pixel must have.
   * @returns {{width, height, unsure, runsOn, accelerator, threads, note}} `unsure`: whether it
   *   says how unsure each pixel is; `note`: why not on WebGPU, or ''.
   */
  async open(name, content, wish, classes) {
    this.close();
    // Bytes 4 to 8 identify the format.
    if (String.fromCharCode(...content.subarray(4, 8)) !== 'TFL3') throw notAModel(name);
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
        const size = checkFaces(name, found, classes);
        this.#worker = worker;
        const note = gpu || wish === 'wasm' ? '' : gpuFailure;
        const threads = gpu ? 1 : found.threads;
        const {accelerator} = attempt;
        return {...size, note, accelerator, threads, runsOn: words(attempt, found)};
      } catch (error) {
        worker.terminate();
        if (error.advice) throw error; // runs, but is not for this page
        failure = error;
        if (gpu) gpuFailure = `WebGPU was left out: ${firstLine(error)}.`;
      }
    }
    throw refusedModel(name, failure);
  }

  /**
   * @param {ImageData} image of the model's size.
   * @returns {Promise<{labels: Uint8Array, unsure: ?Uint8Array, milliseconds: number}>} `unsure`:
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

function checkFaces(name, {inputs, outputs}, classes) {
  const [input] = inputs;
  const [output, other] = [...outputs].reverse(); // the classes are last, as MediaPipe has them
  const [batch, height, width, channels] = input?.shape ?? [];
  if (inputs.length !== 1 || batch !== 1 || channels !== 3 ||
      !['float32', 'uint8'].includes(input.dtype)) {
    throw wrongFace(name, `it takes ${inputs.map(({dtype, shape}) =>
      `${shape.join('×')} ${dtype}`).join(' and ')}`);
  }
  const wanted = [1, height, width, classes].join('×');
  if (!output || output.shape.join('×') !== wanted || output.dtype === 'int32') {
    throw wrongFace(
        name, `it gives ${output?.shape.join('×')} ${output?.dtype} where ${wanted} is needed`);
  }
  const unsure = other?.shape.join('×') === [1, height, width, 1].join('×');
  return {width, height, unsure};
}
