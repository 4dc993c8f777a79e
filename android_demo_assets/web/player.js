// The loop from picture to overlay: each picture of the source goes through every model.
import {Clock} from './clock.js';
import {agreement} from './maps.js';
import {screen} from './screen.js';

// Pictures that two models see before their times are told: the first takes longer than the others.
const COMPARED = 5;

export class Player {
  #panes;
  #turn = 0; // of the running loop: a later one ends the earlier
  #halted = false;
  #drawn;
  #failed;
  source = null; // of sources.js

  /**
   * @param {Pane[]} panes
   * @param {(pane, {shares, grown}) => void} drawn what to do with a pane's picture.
   * @param {(pane, error) => Promise<void>} failed what to do when a model ends on the way; it
   *   begins a loop anew or throws.
   */
  constructor(panes, drawn, failed) {
    this.#panes = panes;
    this.#drawn = drawn;
    this.#failed = failed;
  }

  get used() {
    return this.#panes.filter(({ready}) => ready);
  }

  /** Takes another source in place of the one there is; `run` shows it. */
  play(kind, source, more = {}) {
    this.stop();
    this.source = source;
    screen.source(kind, {live: source.live, ...more});
  }

  stop() {
    this.halt();
    this.source?.stop();
    this.source = null;
    screen.source('');
  }

  /** Ends the loop, as when a model is changed; `goOn` begins it again. */
  halt() {
    this.#turn++;
    this.#halted = true;
  }

  async goOn() {
    if (this.#halted) await this.run();
  }

  /** Shows the source's picture, or each of its pictures until something else is wanted. */
  async run() {
    this.#halted = false;
    const mine = ++this.#turn;
    const {source} = this;
    const wanted = () => mine === this.#turn;
    for (const pane of this.used) pane.newTimes();
    const clock = new Clock();
    for (let count = 0; this.#isDue(count); count++) {
      const first = count === 0;
      const bitmap = await source.next(first);
      if (!bitmap || !wanted()) return bitmap?.close();
      const start = performance.now();
      const found = await this.#throughAll(bitmap, wanted);
      bitmap.close();
      if (!found) return;
      clock.add(performance.now() - start);
      for (const pane of this.used) pane.tellTimes(source.live ? clock.median : null);
      this.#tell(source, found, first);
      await new Promise((go) => requestAnimationFrame(go)); // none comes while the page is hidden
      if (!wanted()) return;
    }
  }

  /** Whether there is a picture after the first `count`. */
  #isDue(count) {
    if (!this.source || !this.used.length) return false;
    return count === 0 || this.source.live || this.used.length === 2 && count < COMPARED;
  }

  /** One model after the other, so that none takes the other's time; null if no longer wanted. */
  async #throughAll(bitmap, wanted) {
    const found = [];
    for (const pane of this.used) {
      let result;
      try {
        result = await pane.look(bitmap, wanted);
      } catch (error) {
        if (wanted()) await this.#failed(pane, error);
        return null;
      }
      if (!result) return null;
      this.#drawn(pane, result);
      found.push(pane.describe(this.source.name, result.shares));
    }
    return found;
  }

  #tell({name, live}, found, first) {
    const [one, two] = this.used;
    const same = two && one.classes.names.join() === two.classes.names.join();
    const words = same ?
      `Both give ${percent(agreement(one.map, two.map))} of the pixels the same class.` : '';
    screen.agreement(live ? words : '');
    if (!first) return;
    if (live) return screen.status(`${name} is running.`);
    const mostly = found.map((shares) =>
      `${shares.length > 3 ? 'mostly ' : ''}${shares.slice(0, 3).join(', ')}`);
    screen.status(`${name}: ${mostly.join('. Beside it: ')}. ${words}`.trim());
  }
}

/** Rounded down: 100 % is all of them. */
function percent(share) {
  return `${(Math.floor(1000 * share) / 10).toFixed(1)}\u00a0%`;
}
