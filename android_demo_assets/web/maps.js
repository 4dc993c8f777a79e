// From pixels to what a model takes, and from its numbers to the class of each pixel.

const ARRAYS = {float32: Float32Array, uint8: Uint8Array};
const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601, as the training reads pictures in grey

/**
 * @param {Uint8ClampedArray} pixels RGBA.
 * @param {object} input of faces.js. Bytes are taken as they are; real numbers are normalized.
 */
export function feed(pixels, {channels, dtype, mean, std}) {
  const count = pixels.length / 4;
  const values = new ARRAYS[dtype](count * channels);
  const real = dtype === 'float32';
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel++, from += 4) {
    if (channels === 1) {
      const grey = Math.round(
          LUMA[0] * pixels[from] + LUMA[1] * pixels[from + 1] + LUMA[2] * pixels[from + 2]);
      values[to++] = real ? (grey - mean[0]) / std[0] : grey;
      continue;
    }
    for (let channel = 0; channel < 3; channel++) {
      const value = pixels[from + channel];
      values[to++] = real ? (value - mean[channel]) / std[channel] : value;
    }
  }
  return values;
}

/**
 * @param {ArrayLike<number>} values of the model's output.
 * @param {object} map of faces.js.
 * @returns {Uint16Array} the class of each pixel.
 */
export function labelsOf(values, {kind, count, threshold}) {
  if (kind === 'ids') return Uint16Array.from(values, (id) => id < 0 ? 0xffff : id);
  if (kind === 'binary') return Uint16Array.from(values, (value) => value > threshold ? 1 : 0);
  return largest(values, count);
}

/** Argmax over the last axis; the first of equals, as NumPy. */
function largest(scores, count) {
  const labels = new Uint16Array(scores.length / count);
  for (let pixel = 0, at = 0; pixel < labels.length; pixel++, at += count) {
    let best = 0;
    for (let index = 1; index < count; index++) {
      if (scores[at + index] > scores[at + best]) best = index;
    }
    labels[pixel] = best;
  }
  return labels;
}

/** Numbers that mean 0 to `most` as bytes from 0 to 255; see `unsure` of faces.js. */
export function shares(values, {scale, zero}, most) {
  return Uint8ClampedArray.from(values, (value) => 255 * (value - zero) * scale / most);
}

/** How many of the first map's pixels have the same class in the second, from 0 to 1. */
export function agreement(first, second) {
  let same = 0;
  for (let row = 0, pixel = 0; row < first.height; row++) {
    const start = Math.floor((row + 0.5) / first.height * second.height) * second.width;
    for (let column = 0; column < first.width; column++, pixel++) {
      const there = start + Math.floor((column + 0.5) / first.width * second.width);
      if (first.labels[pixel] === second.labels[there]) same++;
    }
  }
  return same / first.labels.length;
}
