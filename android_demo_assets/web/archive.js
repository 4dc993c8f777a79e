// The zip archive that may lie behind a .tflite file: class names, and their colors.

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LARGEST = 2 ** 16; // bytes of a text; a few hundred can unpack to megabytes
const LONG = `names of more than ${LARGEST} bytes`;
const STORED = 0;
const DEFLATED = 8;

/**
 * @param {Uint8Array} content of the whole file.
 * @returns {Promise<{labels: ?string[], colors: ?number[][]}>} in order of the ids; `null` where
 *   the file has none. Colors are there for all names or for none.
 * @throws {Error} the archive is damaged or its texts are.
 */
export async function readClasses(content) {
  const entries = directory(content);
  const texts = [...entries.keys()].filter((name) => name.endsWith('.txt'));
  const name = texts.includes('labels.txt') ? 'labels.txt' : texts.length === 1 ? texts[0] : null;
  if (!name) return {labels: null, colors: null};
  const lines = (await text(content, entries.get(name))).split(/\r\n|\r|\n/);
  const labels = lines.map((line) => line.trim()).filter(Boolean);
  if (!labels.length) return {labels: null, colors: null};
  if (!entries.has('colors.json')) return {labels, colors: null};
  const colors = JSON.parse(await text(content, entries.get('colors.json')));
  if (!Array.isArray(colors) || colors.length !== labels.length || !colors.every(isColor)) {
    throw new Error(`colors.json has no list of ${labels.length} colors`);
  }
  return {labels, colors};
}

function isColor(value) {
  return Array.isArray(value) && value.length === 3 &&
      value.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
}

/** Name -> where its bytes are; empty if there is no archive. */
function directory(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let end = content.length - 22;
  const first = Math.max(0, end - 0xffff); // of the longest comment behind it
  while (end >= first && view.getUint32(end, true) !== END) end--;
  const entries = new Map();
  if (end < first) return entries;
  const start = end - view.getUint32(end + 12, true);
  const shift = start - view.getUint32(end + 16, true); // of what lies before the archive
  let at = start;
  for (let count = view.getUint16(end + 10, true); count > 0; count--) {
    if (view.getUint32(at, true) !== ENTRY) throw new Error('the archive of names is damaged');
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const local = shift + view.getUint32(at + 42, true);
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    entries.set(new TextDecoder().decode(content.subarray(at + 46, at + 46 + name)), {
      method: view.getUint16(at + 10, true),
      start: data,
      end: data + view.getUint32(at + 20, true),
    });
    at += 46 + name + extra + comment;
  }
  return entries;
}

async function text(content, {method, start, end}) {
  const packed = content.subarray(start, end);
  if (method !== STORED && method !== DEFLATED) throw new Error('names packed in an odd way');
  const bytes = method === STORED ? packed : await unpacked(packed);
  if (bytes.length > LARGEST) throw new Error(LONG);
  return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
}

/** At most one piece more than is allowed. */
async function unpacked(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const pieces = [];
  let length = 0;
  const reader = stream.getReader();
  while (length <= LARGEST) {
    const {done, value} = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  await reader.cancel();
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
