// Names the class at a place of the picture: under the mouse or finger, or moved to by arrow keys.
import {screen} from './screen.js';

const STEP = 0.02; // of the picture; ten times as far with Shift
const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

/** @param {Pane[]} panes all of them name their class at the same place. */
export function connectProbe(panes) {
  let place = [0.5, 0.5];
  const tell = () => panes.map((pane) => pane.point(place)).filter(Boolean);
  const hide = () => panes.forEach((pane) => pane.point(null));
  for (const {stage} of panes) {
    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
          .map(inside);
      tell();
    };
    stage.addEventListener('pointermove', follow);
    stage.addEventListener('pointerdown', follow);
    stage.addEventListener('pointerleave', hide);
    stage.addEventListener('blur', hide);
    stage.addEventListener('keydown', (event) => {
      const way = KEYS[event.key];
      if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const step = event.shiftKey ? 10 * STEP : STEP;
      place = place.map((value, axis) => inside(value + step * way[axis]));
      screen.status(`${tell().join(', beside it ') || 'No class is shown'} here.`);
    });
  }
}

/** The last pixel is the last: 1 is one too far. */
function inside(value) {
  return Math.min(0.999, Math.max(0, value));
}
