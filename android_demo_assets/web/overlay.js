// The picture, and over it the classes of its pixels.

const LONGEST = 1280; // pixels kept of a picture: more than any phone shows, little memory

export class Overlay {
  #picture;
  #mask;
  #colors;
  #visible;
  #labels = null;
  #unsure = null;
  #fades = false;

  /**
   * @param {HTMLCanvasElement} picture
   * @param {HTMLCanvasElement} mask lies over it; CSS stretches it and makes it see-through.
   * @param {number[][]} palette `[red, green, blue]` per class.
   */
  constructor(picture, mask, palette) {
    this.#picture = picture;
    this.#mask = mask;
    // One 32-bit word a pixel; its bytes lie as red, green, blue, alpha on every device of today.
    this.#colors = palette.map(([red, green, blue]) =>
      (255 << 24 | blue << 16 | green << 8 | red) >>> 0);
    this.#visible = palette.map(() => true);
  }

  /**
   * @param {Uint8Array} labels `(height, width)`, row after row.
   * @param {?Uint8Array} unsure the same, how unsure each pixel is from 0 to 255; or not known.
   */
  show(bitmap, labels, width, height, unsure = null) {
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    fit(this.#picture, Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const context = this.#picture.getContext('2d', {alpha: false});
    context.fillRect(0, 0, this.#picture.width, this.#picture.height);
    context.drawImage(bitmap, 0, 0, this.#picture.width, this.#picture.height);
    fit(this.#mask, width, height);
    this.#labels = labels;
    this.#unsure = unsure;
    this.#paint();
  }

  setVisible(index, visible) {
    this.#visible[index] = visible;
    this.#paint();
  }

  setOpacity(fraction) {
    this.#mask.style.opacity = fraction;
  }

  /** Whether colors fade where the model is unsure; they are gone where it is half or more. */
  setFading(fades) {
    this.#fades = fades;
    this.#paint();
  }

  set description(text) {
    this.#mask.setAttribute('aria-label', text);
  }

  /** The class at a place of the stage, both from 0 to 1; undefined where none is shown. */
  classAt(x, y) {
    const {width, height} = this.#mask;
    const index = this.#labels?.[Math.floor(y * height) * width + Math.floor(x * width)];
    return this.#visible[index] ? index : undefined;
  }

  #paint() {
    if (!this.#labels) return;
    const {width, height} = this.#mask;
    const words = new Uint32Array(width * height);
    const colors = this.#colors.map((color, index) => this.#visible[index] ? color : 0);
    for (let pixel = 0; pixel < words.length; pixel++) words[pixel] = colors[this.#labels[pixel]];
    const bytes = new Uint8ClampedArray(words.buffer);
    if (this.#fades && this.#unsure) {
      this.#unsure.forEach((value, pixel) => {
        bytes[4 * pixel + 3] *= Math.max(0, 1 - value / 127.5);
      });
    }
    const image = new ImageData(bytes, width, height);
    this.#mask.getContext('2d').putImageData(image, 0, 0);
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
