// What the page says of the whole: status, problems, and which source is used.
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
  },

  noProblem() {
    find('problem').hidden = true;
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

  /** How far two models agree; '' hides it. Not said aloud: it changes with each picture. */
  agreement(text) {
    find('agreement').textContent = text;
  },
};
