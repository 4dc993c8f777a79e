// The picture, and over it the classes of its pixels.

const LONGEST = 1280; // pixels kept of a picture: more than any phone shows, little memory

// Of a map of how unsure the model is: clear where it is sure. Seen on bright and dark pictures.
const UNSURE = word([255, 140, 0]);

export class Overlay {
  #picture;
  #mask;
  #colors = [];
  #visible = [];
  #map = null; // {labels, width, height, unsure}
  #view = 'classes';

  /**
   * @param {HTMLCanvasElement} picture
   * @param {HTMLCanvasElement} mask lies over it; CSS stretches it and makes it see-through.
   */
  constructor(picture, mask) {
    this.#picture = picture;
    this.#mask = mask;
  }

  /**
   * @param {number[][]} colors `[red, green, blue]` per class.
   * @param {boolean[]} visible whether each is shown.
   */
  setClasses(colors, visible) {
    this.#colors = colors.map(word);
    this.#visible = [...visible];
  }

  /** The picture, and the classes of the last map stay over it until the next. */
  showPicture(bitmap) {
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    fit(this.#picture, Math.max(1, Math.round(bitmap.width * scale)),
        Math.max(1, Math.round(bitmap.height * scale)));
    const context = this.#picture.getContext('2d', {alpha: false});
    context.fillRect(0, 0, this.#picture.width, this.#picture.height);
    context.drawImage(bitmap, 0, 0, this.#picture.width, this.#picture.height);
  }

  /**
   * @param {{labels: Uint16Array, width, height, unsure: ?Uint8Array}} map `labels`: row after row;
   *   `unsure`: the same, how unsure each pixel is from 0 to 255, or null.
   */
  showMap(map) {
    fit(this.#mask, map.width, map.height);
    this.#map = map;
    this.paint();
  }

  setVisible(index, visible) {
    this.#visible[index] = visible;
    this.paint();
  }

  setOpacity(fraction) {
    this.#mask.style.opacity = fraction;
  }

  /**
   * @param {'classes' | 'faded' | 'unsure'} view faded: colors fade where the model is unsure, and
   *   are gone where it is half or more; unsure: how unsure it is, and no classes. Both need a model
   *   that says so.
   */
  setView(view) {
    this.#view = view;
    this.paint();
  }

  set description(text) {
    this.#mask.setAttribute('aria-label', text);
  }

  /** The class at a place of the stage, both from 0 to 1; undefined where none is shown. */
  classAt(x, y) {
    if (!this.#map) return undefined;
    const {labels, width, height} = this.#map;
    const index = labels[Math.floor(y * height) * width + Math.floor(x * width)];
    return this.#visible[index] ? index : undefined;
  }

  paint() {
    if (!this.#map) return;
    const {labels, width, height, unsure} = this.#map;
    const view = unsure ? this.#view : 'classes';
    const words = new Uint32Array(width * height);
    if (view === 'unsure') {
      words.fill(UNSURE);
    } else {
      const colors = this.#colors.map((color, index) => this.#visible[index] ? color : 0);
      // An id that is no class, such as void, stays clear.
      for (let pixel = 0; pixel < words.length; pixel++) words[pixel] = colors[labels[pixel]];
    }
    const bytes = new Uint8ClampedArray(words.buffer);
    if (view === 'unsure') unsure.forEach((value, pixel) => bytes[4 * pixel + 3] = value);
    if (view === 'faded') {
      unsure.forEach((value, pixel) => {
        bytes[4 * pixel + 3] *= Math.max(0, 1 - value / 127.5);
      });
    }
    this.#mask.getContext('2d').putImageData(new ImageData(bytes, width, height), 0, 0);
  }
}

/** Stretches pictures to the model's size. */
export class Sampler {
  #context = document.createElement('canvas').getContext(
      '2d', {alpha: false, willReadFrequently: true});

  /** @returns {ImageData} of `width` x `height`; what is transparent in the picture is black. */
  read(bitmap, width, height) {
    const context = this.#context;
    fit(context.canvas, width, height);
    context.imageSmoothingQuality = 'high';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }
}

/** Setting a canvas's size clears it, even to the same. */
function fit(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** A color as one 32-bit word; its bytes lie as red, green, blue, alpha on every device of today. */
function word([red, green, blue]) {
  return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
}
