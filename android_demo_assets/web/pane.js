// One model and what it makes of the picture.
import {extended} from './classes.js';
import {Clock, milliseconds} from './clock.js';
import {Engine} from './engine.js';
import {inOrder, sharesOf} from './legend.js';
import {Overlay, Sampler} from './overlay.js';

const MOST = 256; // classes that ids in a picture may add to those that are named

export class Pane {
  #engine = new Engine();
  #sampler = new Sampler();
  #asked = Promise.resolve(); // the engine takes one question at a time
  #opened = 0; // counts the wishes: a later one makes an earlier one void
  #ran;
  #shown;

  /** @param {string} suffix of its elements' ids: '' or '-b'. */
  constructor(suffix) {
    this.find = (name) => document.getElementById(name + suffix);
    this.stage = this.find('stage');
    this.overlay = new Overlay(this.find('picture'), this.find('mask'));
    this.model = null; // {name, content}
    this.opened = null; // what Engine.open tells
    this.map = null; // of the last picture
    this.newTimes();
  }

  get ready() {
    return this.opened !== null;
  }

  get classes() {
    return this.opened.classes;
  }

  /**
   * Puts a model in; see Engine.open.
   * @returns {Promise<boolean>} false if another was wanted meanwhile.
   */
  async open(model, wish, listed) {
    const mine = ++this.#opened;
    this.wait('Preparing the model');
    this.opened = null;
    const {name, content} = model;
    const opened = await this.#ask(() =>
      mine === this.#opened ? this.#engine.open(name, content, wish, listed) : null);
    if (mine !== this.#opened) return false;
    this.opened = opened;
    this.model = model;
    this.find('pane-name').textContent = name;
    this.find('runs-on').textContent = opened.runsOn;
    this.newTimes();
    this.rest();
    return true;
  }

  /** Lets go of the model, once it has answered: a question to a worker that ended has no end. */
  close() {
    const mine = ++this.#opened;
    this.#ask(() => mine === this.#opened && this.#engine.close());
    this.model = this.opened = this.map = null;
    delete this.stage.dataset.frames;
    this.rest();
  }

  /**
   * Segments a picture and draws it.
   * @param {() => boolean} wanted whether it still is.
   * @returns {Promise<?{shares: number[], grown: boolean}>} `grown`: there are ids that no class
   *   had; null if something else was wanted meanwhile.
   */
  async look(bitmap, wanted) {
    const mine = this.#opened;
    const {input, map} = this.opened.face;
    const isWanted = () => mine === this.#opened && wanted();
    const start = performance.now();
    const image = this.#sampler.read(bitmap, input.width, input.height);
    const result = await this.#ask(() => isWanted() ? this.#engine.segment(image) : null);
    if (!result || !isWanted()) return null;
    const grown = this.#grow(result.labels);
    this.map = {...result, width: map.width, height: map.height};
    this.stage.style.setProperty('--ratio', bitmap.width / bitmap.height);
    this.overlay.showPicture(bitmap);
    this.overlay.showMap(this.map);
    this.rest();
    this.#ran.add(result.milliseconds);
    this.#shown.add(performance.now() - start);
    this.stage.dataset.frames = 1 + Number(this.stage.dataset.frames ?? 0);
    return {shares: sharesOf(result.labels, this.classes.names.length), grown};
  }

  /** Only a file with ids and no names has more classes than are known. */
  #grow(labels) {
    if (this.opened.face.map.count !== null || this.opened.said.labels) return false;
    const most = labels.reduce((most, label) => label < MOST && label > most ? label : most, 0);
    if (most < this.classes.names.length) return false;
    this.opened.classes = extended(this.classes, most + 1);
    return true;
  }

  newTimes() {
    this.#ran = new Clock();
    this.#shown = new Clock();
  }

  /** @param {?number} frame what a frame took in all, for the rate; null for one picture. */
  tellTimes(frame) {
    const rate = frame ? ` · ${(1000 / frame).toFixed(frame > 100 ? 1 : 0)}/s` : '';
    this.find('model-time').textContent = milliseconds(this.#ran.median);
    this.find('frame-time').textContent = milliseconds(this.#shown.median) + rate;
  }

  /** @returns {string[]} the classes that are there, the largest first. */
  describe(name, shares) {
    const there = inOrder(shares, this.classes.names);
    this.overlay.description = `${name}: ${there.join(', ')}`;
    return there;
  }

  /** Names the class at a place of the picture, both from 0 to 1; nothing for null. */
  point(place) {
    const label = place && this.ready ? this.classes.names[this.overlay.classAt(...place)] : '';
    const under = this.find('under');
    under.hidden = !label;
    if (!label) return '';
    under.textContent = label;
    under.style.setProperty('--x', `${place[0] * 100}%`);
    under.style.setProperty('--y', `${place[1] * 100}%`);
    return label;
  }

  wait(text) {
    this.stage.setAttribute('aria-busy', 'true');
    this.find('waiting').hidden = false;
    this.find('waiting').querySelector('b').textContent = text;
  }

  rest() {
    this.stage.setAttribute('aria-busy', 'false');
    this.find('waiting').hidden = true;
  }

  #ask(question) {
    this.#asked = this.#asked.catch(() => {}).then(question);
    return this.#asked;
  }
}
