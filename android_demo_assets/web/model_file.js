// What a .tflite file says of itself: its tensors, and the TFLite Metadata that it may have.
import {readClasses} from './archive.js';
import {Table} from './flatbuffer.js';

// Slots are the places of the fields in schema.fbs and metadata_schema.fbs, enums their values.
const MODEL = {codes: 1, graphs: 2, buffers: 4, metadata: 6};
const GRAPH = {tensors: 0, inputs: 1, outputs: 2, ops: 3};
const NORMALIZATION = 1;
const ACTIVATIONS = ['none', 'sigmoid', 'softmax'];
const OPS = {14: 'LOGISTIC', 25: 'SOFTMAX', 56: 'ARG_MAX', 79: 'ARG_MIN',
  3: 'CONV_2D', 4: 'DEPTHWISE_CONV_2D', 67: 'TRANSPOSE_CONV'};
// QUANTIZE, DEQUANTIZE, CAST, RESHAPE, RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: copies of it.
const COPIES = new Set([114, 6, 53, 22, 23, 97]);

/**
 * @param {Uint8Array} content of the file.
 * @returns {Promise<object>} `outputs`: `{op, scale, zero}` each, where `op` names what made it, if
 *   that tells what it means; `labels`, `colors`: see archive.js; `mean`, `std`: what is subtracted
 *   from the pixels and what they are divided by, one number or one a channel, or empty;
 *   `activation`: what makes probabilities, or null; `uncertainty`: `{samples}` of the output
 *   before the classes, or null; `damage`: why the rest is not known, or ''.
 */
export async function describe(content) {
  const said = {outputs: [], labels: null, colors: null, mean: [], std: [], activation: null,
    uncertainty: null, damage: ''};
  try {
    const model = new Table(content);
    const [graph] = model.tables(MODEL.graphs);
    const codes = model.tables(MODEL.codes).map((code) => Math.max(code.byte(0), code.int(3)));
    said.outputs = graph.ints(GRAPH.outputs).map((index) => output(graph, codes, index));
    const uncertainty = entry(model, 'SEGNET_TF_UNCERTAINTY');
    if (uncertainty) said.uncertainty = JSON.parse(new TextDecoder().decode(uncertainty));
    const metadata = entry(model, 'TFLITE_METADATA');
    if (metadata) Object.assign(said, meaning(new Table(metadata)));
    Object.assign(said, await readClasses(content));
  } catch (error) {
    said.damage = `What the file says of itself can’t be read: ${error.message}.`;
  }
  return said;
}

function entry(model, name) {
  const found = model.tables(MODEL.metadata).find((table) => table.text(0) === name);
  return found ? model.tables(MODEL.buffers)[found.int(1)]?.bytes(0) : null;
}

function meaning(root) {
  const [graph] = root.tables(3);
  if (!graph) return {};
  const [input] = graph.tables(2);
  const unit = input?.tables(4).find((table) => table.byte(0) === NORMALIZATION)?.table(1);
  const custom = graph.tables(9).find((table) => table.text(0) === 'SEGMENTER_METADATA');
  const options = custom?.bytes(1);
  return {
    mean: unit?.floats(0) ?? [],
    std: unit?.floats(1) ?? [],
    activation: options ? ACTIVATIONS[new Table(options).byte(0)] ?? null : null,
  };
}

/** An output with its scale, and the op that makes it, seen through what only copies. */
function output(graph, codes, index) {
  const quantization = graph.tables(GRAPH.tensors)[index]?.table(4);
  const makers = new Map();
  for (const op of graph.tables(GRAPH.ops)) {
    for (const made of op.ints(2)) makers.set(made, [codes[op.int(0)], op.ints(1)[0]]);
  }
  let [code, from] = makers.get(index) ?? [];
  for (let steps = 0; COPIES.has(code) && steps < 16; steps++) [code, from] = makers.get(from) ?? [];
  const [scale = 0] = quantization?.floats(2) ?? [];
  const [zero = 0] = quantization?.longs(3) ?? [];
  return {op: OPS[code] ?? '', scale, zero};
}
