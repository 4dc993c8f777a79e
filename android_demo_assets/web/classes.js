// The classes of a model: names and colors, and where they are from.

const FILE = 'the file';
const MANIFEST = 'manifest.json';

/**
 * @param {object} said by the file, see model_file.js.
 * @param {object} map of faces.js.
 * @param {{labels: string[], palette: number[][]}} listed those of manifest.json.
 * @returns {{names: string[], colors: number[][], note: string}}
 */
export function classesOf(said, map, listed) {
  const count = map.count ?? said.labels?.length ?? 1;
  const {names, from, start} = namesOf(said, map, count, listed);
  if (said.colors?.length === count) return {names, colors: said.colors, note: note(start, from, FILE)};
  if (names.join('\n') === listed.labels.join('\n')) {
    return {names, colors: listed.palette, note: note(start, from, MANIFEST)};
  }
  return {names, colors: colorsOf(map, count, said), note: note(start, from, '')};
}

/** Where names and colors are from; '' for what was made up here. */
function note(start, names, colors) {
  if (names && names === colors) return `${start}: names and colors of ${names}.`;
  return `${start}${names && `: names of ${names}`}, colors ${colors ? `of ${colors}` : 'chosen here'}.`;
}

function namesOf({labels}, {kind}, count, listed) {
  const start = `${count} classes`;
  if (labels?.length === count) return {names: labels, from: FILE, start};
  if (labels) {
    const names = numbered(count).map((name, index) => labels[index] ?? name);
    return {names, from: '', start: `${start}, of which the file names ${labels.length}`};
  }
  if (kind === 'ids') {
    return {names: numbered(count), from: '', start: 'Classes that the file does not name'};
  }
  if (listed.labels.length === count) return {names: listed.labels, from: MANIFEST, start};
  const names = kind === 'binary' ? ['background', 'foreground'] : numbered(count);
  return {names, from: '', start: `${start} that the file does not name`};
}

function colorsOf({kind}, count, {labels}) {
  if (kind === 'binary' && !labels) return [[64, 64, 64], ...defaultColors(1)];
  return defaultColors(count);
}

function numbered(count) {
  return Array.from({length: count}, (_, index) => `class ${index}`);
}

/** Colors that are easy to tell apart: those of `segnet_tf.data.classes.default_colors`. */
export function defaultColors(count) {
  return Array.from({length: count}, (_, index) => {
    // Steps of the golden ratio spread hues evenly for any count.
    const hue = (0.58 + index * 0.618034) % 1;
    return fromHsv(hue, [0.75, 0.5][index % 2], [0.9, 0.7, 0.5][index % 3]);
  });
}

function fromHsv(hue, saturation, value) {
  return [5, 3, 1].map((shift) => {
    const place = (shift + 6 * hue) % 6;
    const part = Math.max(0, Math.min(place, 4 - place, 1));
    return toEven(value * (1 - saturation * part) * 255);
  });
}

/** Rounds halves to the even neighbor, as Python does. */
function toEven(value) {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + floor % 2 : Math.round(value);
}

/** The same classes, and numbers for those up to `count`, of which ids told first in a picture. */
export function extended({names, colors, note}, count) {
  return {
    names: [...names, ...numbered(count).slice(names.length)],
    colors: [...colors, ...defaultColors(count).slice(colors.length)],
    note,
  };
}
