// What the page says: status, problems, figures, and that one has to wait.
import {milliseconds} from './clock.js';
import {inWords} from './problems.js';

const find = (id) => document.getElementById(id);

export const screen = {
  /** Said aloud by screen readers when they are at rest. */
  status(text) {
    find('status').textContent = text;
  },

  /** Said at once. */
  problem(error) {
    const {message, advice = ''} = inWords(error);
    find('problem-title').textContent = message;
    find('problem-advice').textContent = advice;
    find('problem').hidden = false;
    this.rest();
  },

  noProblem() {
    find('problem').hidden = true;
  },

  /** @param {string} text what is waited for. */
  wait(text) {
    find('stage').setAttribute('aria-busy', 'true');
    find('waiting').hidden = false;
    find('waiting').querySelector('b').textContent = text;
  },

  rest() {
    find('stage').setAttribute('aria-busy', 'false');
    find('waiting').hidden = true;
  },

  runsOn(text) {
    find('runs-on').textContent = text;
  },

  times(model, frame, live) {
    find('model-time').textContent = milliseconds(model);
    const rate = live ? ` · ${(1000 / frame).toFixed(frame > 100 ? 1 : 0)}/s` : '';
    find('frame-time').textContent = milliseconds(frame) + rate;
  },

  /** Which of the three sources is used, and what it can do. */
  source(kind, {live, cameras = 0} = {}) {
    for (const name of ['sample', 'file', 'camera']) {
      find(`use-${name}`).setAttribute('aria-pressed', name === kind);
    }
    find('live').hidden = !live;
    find('turn').hidden = cameras < 2;
    this.paused(false);
  },

  paused(paused) {
    find('pause').textContent = paused ? 'Go on' : 'Pause';
  },

  under(label, x, y) {
    find('under').hidden = !label;
    if (!label) return;
    find('under').textContent = label;
    find('under').style.setProperty('--x', `${x * 100}%`);
    find('under').style.setProperty('--y', `${y * 100}%`);
  },

  facts(text) {
    find('model-facts').textContent = text;
  },
};
