// How a model is fed, and what its numbers mean.
import {wrongFace} from './problems.js';

const FED = ['float32', 'uint8'];
const IDS = ['ARG_MAX', 'ARG_MIN'];
const LINEAR = ['CONV_2D', 'DEPTHWISE_CONV_2D', 'TRANSPOSE_CONV'];

/**
 * @param {string} name of the file, for messages.
 * @param {{inputs, outputs}} found `{shape, dtype}` of each, as LiteRT.js tells.
 * @param {object} said by the file, see model_file.js.
 * @returns {{input: {width, height, channels, dtype, mean, std},
 *   map: {width, height, kind, count, threshold}, unsure: ?{scale, zero}}} `kind` is 'scores', of
 *   which the largest of `count` wins; 'binary', one number above `threshold` for the second class;
 *   or 'ids', whose `count` no output tells. `unsure`: how the numbers of the output before it, the
 *   entropy in nats, are stored; null without one.
 * @throws {Problem} it takes no picture or gives no map.
 */
export function faceOf(name, {inputs, outputs}, said) {
  const [input] = inputs;
  const [batch, height, width, channels] = input?.shape ?? [];
  if (inputs.length !== 1 || batch !== 1 || ![1, 3].includes(channels) || input.shape.length !== 4 ||
      !FED.includes(input.dtype) || !(height > 0 && width > 0)) {
    throw wrongFace(name, `it takes ${inputs.map(words).join(' and ')}`);
  }
  // The classes are last, as MediaPipe has them.
  const [output, other] = [...outputs].reverse();
  const [, rows, columns, values = 1] = output?.shape ?? [];
  if (!output || ![3, 4].includes(output.shape.length) || output.shape[0] !== 1 ||
      !(rows > 1 && columns > 1 && values > 0)) {
    throw wrongFace(name, `it gives ${output ? words(output) : 'nothing'}`);
  }
  const unsure = other?.shape.join() === [1, rows, columns, 1].join() ?
    stored(other, said.outputs.at(-2)) : null;
  const fed = {width, height, channels, dtype: input.dtype,
    mean: perChannel(said.mean, channels, 0), std: perChannel(said.std, channels, 1)};
  return {
    input: fed,
    map: {width: columns, height: rows, ...meaning(output, values, said, unsure)},
    unsure,
  };
}

/** What turns the numbers of an output into real ones; null if nothing does. */
function stored({dtype}, {scale = 0, zero = 0} = {}) {
  if (dtype === 'float32') return {scale: 1, zero: 0};
  return scale ? {scale, zero} : null;
}

function meaning(output, values, said, unsure) {
  const {op = '', scale = 0, zero = 0} = said.outputs.at(-1) ?? {};
  if (values > 1) return {kind: 'scores', count: values, threshold: 0};
  // Whole numbers without a scale can only be ids, whatever made them.
  if (IDS.includes(op) || output.dtype !== 'float32' && !scale) {
    return {kind: 'ids', count: null, threshold: 0};
  }
  // What a file with logits says of probabilities is often wrong: its ops come first.
  const sure = op === 'LOGISTIC' || unsure || said.activation === 'none' && !LINEAR.includes(op);
  const middle = sure ? 0.5 : 0;
  const threshold = output.dtype === 'float32' ? middle : zero + middle / scale;
  return {kind: 'binary', count: 2, threshold};
}

/** One number a channel, out of one for all or of one each. */
function perChannel(numbers, channels, otherwise) {
  return Array.from({length: channels}, (_, channel) =>
    (numbers.length === channels ? numbers[channel] : numbers[0]) ?? otherwise);
}

function words({shape, dtype}) {
  return `${shape.join('×')} ${dtype}`;
}
