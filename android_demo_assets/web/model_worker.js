// Runs one model, away from the page, so that the page answers while it computes and outlives it.
// A classic worker: LiteRT.js calls importScripts, which module workers refuse.
'use strict';

const LITERT = new URL('litert/', self.location.href);
const ARRAYS = {float32: Float32Array, uint8: Uint8Array};

let litert;
let model;
let input;
const gpuErrors = [];

const actions = {
  /** Compiles `content` (Uint8Array) for one accelerator and tells the model's faces. */
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
    input = face(model.getInputDetails()[0]);
    if (accelerator === 'webgpu' && input.shape.at(-1) === 3) {
      // Whole numbers at the edges compile without JSPI and fail when they run; so try it here,
      // which makes the first picture quicker too.
      await actions.segment({pixels: new ArrayBuffer(input.shape[1] * input.shape[2] * 4)});
    }
    return {
      inputs: model.getInputDetails().map(face),
      outputs: model.getOutputDetails().map(face),
      whole: model.isFullyAccelerated,
      threads: liteRtWasm.getThreadCount(),
    };
  },

  /**
   * RGBA bytes of the input's size -> the class of every pixel, how unsure each is if the model
   * says so, and what the model took.
   */
  async segment({pixels}) {
    const start = performance.now();
    const tensor = new litert.Tensor(rgb(new Uint8ClampedArray(pixels)), input.shape);
    const results = await model.run(tensor);
    const [classes, other] = [...results].reverse();
    const count = classes.type.layout.dimensions.at(-1);
    const labels = largest(await classes.data(), count);
    const unsure = other?.type.layout.dimensions.at(-1) === 1 ?
      shares(await other.data(), Math.log(count)) : null;
    tensor.delete();
    for (const result of results) result.delete();
    if (gpuErrors.length) throw new Error(gpuErrors[0]);
    return {labels, unsure, milliseconds: performance.now() - start};
  },
};

function face({name, dtype, shape}) {
  return {name, dtype, shape: [...shape]};
}

/** RGBA -> RGB 0..255, as the model takes it: normalization is inside the file. */
function rgb(pixels) {
  const values = new ARRAYS[input.dtype](pixels.length / 4 * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    values[to++] = pixels[from];
    values[to++] = pixels[from + 1];
    values[to++] = pixels[from + 2];
  }
  return values;
}

/** Numbers from 0 to `most` as bytes from 0 to 255. */
function shares(values, most) {
  return Uint8ClampedArray.from(values, (value) => 255 * value / most);
}

/** Argmax over the last axis; the first of equals, as NumPy. */
function largest(scores, count) {
  const labels = new Uint8Array(scores.length / count);
  for (let pixel = 0, at = 0; pixel < labels.length; pixel++, at += count) {
    let best = 0;
    for (let index = 1; index < count; index++) {
      if (scores[at + index] > scores[at + best]) best = index;
    }
    labels[pixel] = best;
  }
  return labels;
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
