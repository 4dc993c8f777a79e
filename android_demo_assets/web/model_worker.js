// Runs one model, away from the page, so that the page answers while it computes and outlives it.
// A classic worker: LiteRT.js calls importScripts, which module workers refuse.
'use strict';

const LITERT = new URL('litert/', self.location.href);

let litert;
let maps;
let model;
let face; // of faces.js
let most; // the entropy where all classes are as likely
const gpuErrors = [];

const actions = {
  /** Compiles `content` (Uint8Array) for one accelerator and tells its inputs and outputs. */
  async open({content, accelerator, precision, threads, jspi}) {
    litert = await import(new URL('index.js', LITERT));
    // Its threads are workers too, which must not take this file for theirs.
    self.Module = {
      locateFile: (name) => new URL(name, LITERT).href,
      mainScriptUrlOrBlob: new URL('litert_wasm_threaded_internal.js', LITERT).href,
    };
    const {liteRtWasm} = await litert.loadLiteRt(LITERT.href, {threads, jspi});
    const device = litert.getWebGpuDevice();
    if (accelerator === 'webgpu') {
      if (!device) throw new Error('this browser gives no WebGPU device');
      // LiteRT.js goes on without these.
      device.addEventListener('uncapturederror', ({error}) => gpuErrors.push(error.message));
      device.lost.then(({message}) => gpuErrors.push(message || 'the GPU was lost'));
    }
    model = await litert.loadAndCompile(content, {accelerator, gpuOptions: {precision}});
    if (accelerator === 'webgpu') {
      // It turns to wasm by itself, and only warns.
      const {accelerator: taken} = model.options;
      if (taken !== 'webgpu') throw new Error('the model is not for WebGPU');
      if (!model.isFullyAccelerated && !jspi) throw new Error('only a part is for WebGPU');
    }
    return {
      inputs: model.getInputDetails().map(detail),
      outputs: model.getOutputDetails().map(detail),
      whole: model.isFullyAccelerated,
      threads: liteRtWasm.getThreadCount(),
    };
  },

  /** Takes the meaning of the model's numbers, and tries it once on the GPU. */
  async adopt({face: meant, classes}) {
    maps = await import(new URL('maps.js', self.location.href));
    face = meant;
    most = Math.log(Math.max(2, classes));
    // Whole numbers at the edges compile without JSPI and fail when they run; so try it here,
    // which makes the first picture quicker too.
    const {width, height} = face.input;
    if (model.options.accelerator === 'webgpu') {
      await actions.segment({pixels: new ArrayBuffer(width * height * 4)});
    }
    return {};
  },

  /**
   * RGBA bytes of the input's size -> the class of every pixel, how unsure each is if the model
   * says so, and what the model took.
   */
  async segment({pixels}) {
    const start = performance.now();
    const {width, height, channels} = face.input;
    const values = maps.feed(new Uint8ClampedArray(pixels), face.input);
    const tensor = new litert.Tensor(values, [1, height, width, channels]);
    const results = await model.run(tensor);
    const [classes, other] = [...results].reverse();
    const labels = maps.labelsOf(await classes.data(), face.map);
    const unsure = face.unsure ? maps.shares(await other.data(), face.unsure, most) : null;
    tensor.delete();
    for (const result of results) result.delete();
    if (gpuErrors.length) throw new Error(gpuErrors[0]);
    return {labels, unsure, milliseconds: performance.now() - start};
  },
};

function detail({dtype, shape}) {
  return {dtype, shape: [...shape]};
}

self.onmessage = async ({data: {action, ...rest}}) => {
  try {
    const answer = await actions[action](rest);
    const arrays = [answer.labels, answer.unsure].filter(Boolean);
    self.postMessage({answer}, arrays.map(({buffer}) => buffer));
  } catch (error) {
    self.postMessage({error: String(error?.message ?? error)});
  }
};
