// Times of the last frames.

const KEPT = 15;

export class Clock {
  #times = [];

  add(milliseconds) {
    this.#times.push(milliseconds);
    if (this.#times.length > KEPT) this.#times.shift();
  }

  /** The middle one: a frame held up by something else doesn't show. */
  get median() {
    const sorted = [...this.#times].sort((first, second) => first - second);
    return sorted[Math.floor(sorted.length / 2)];
  }
}

export function milliseconds(time) {
  return time < 1000 ? `${time.toFixed(time < 10 ? 1 : 0)}\u00a0ms` :
      `${(time / 1000).toFixed(1)}\u00a0s`;
}
