// The classes: color, name, share of each picture, and a switch for each.

const MANY = 24; // from there on those that are not in the picture are left out at first

export class Legend {
  #list;
  #rows = [];
  #panes = [];

  /** @param {string} suffix of its elements' ids: '' or '-b'. */
  constructor(suffix) {
    const find = (name) => document.getElementById(name + suffix);
    this.box = find('classes');
    this.#list = find('legend');
    this.few = find('few');
    find('show-all').addEventListener('click', () => this.#setAll(true));
    find('show-none').addEventListener('click', () => this.#setAll(false));
    this.few.addEventListener('change', () =>
      this.#list.classList.toggle('few', this.few.checked));
  }

  /**
   * Shows the classes of one model, or of two that have the same. Switches stay as they are if the
   * names do.
   * @param {Pane[]} panes whose pictures they are of; none hides it.
   */
  show(panes) {
    this.box.hidden = !panes.length;
    this.#panes = panes;
    if (!panes.length) return;
    const {names, colors} = panes[0].classes;
    if (names.join('\n') !== this.#rows.map(({name}) => name).join('\n')) this.#build(names);
    this.#list.classList.toggle('both', panes.length === 2);
    this.#rows.forEach(({row, shares, there}, index) => {
      there.splice(0, Infinity, ...panes.map(() => 0));
      row.style.setProperty('--color', `rgb(${colors[index].join(' ')})`);
      shares.replaceChildren(...panes.map(() => share('–')));
      row.parentElement.removeAttribute('data-absent');
    });
    for (const pane of panes) {
      pane.overlay.setClasses(colors, this.#rows.map(({box}) => box.checked));
    }
  }

  /** @param {number[]} found share of each class, from 0 to 1, in a pane's picture. */
  count(pane, found) {
    const column = this.#panes.indexOf(pane);
    if (column < 0) return;
    this.#rows.forEach(({row, shares, there}, index) => {
      shares.children[column].textContent = percent(found[index]);
      there[column] = found[index];
      const most = Math.max(...there);
      row.style.setProperty('--share', most.toFixed(3));
      row.parentElement.toggleAttribute('data-absent', most === 0);
    });
  }

  #build(names) {
    this.#rows = names.map((name) => {
      const box = Object.assign(document.createElement('input'), {type: 'checkbox', checked: true});
      const label = Object.assign(document.createElement('span'), {textContent: name});
      const shares = document.createElement('small');
      const row = document.createElement('label');
      row.title = name;
      row.append(box, label, shares);
      return {name, row, box, shares, there: []};
    });
    this.#rows.forEach(({box}, index) => box.addEventListener('change', () => {
      for (const pane of this.#panes) pane.overlay.setVisible(index, box.checked);
    }));
    this.#list.replaceChildren(...this.#rows.map(({row}) => {
      const item = document.createElement('li');
      item.append(row);
      return item;
    }));
    this.few.checked = names.length > MANY;
    this.few.parentElement.hidden = names.length <= MANY;
    this.#list.classList.toggle('few', this.few.checked);
  }

  #setAll(visible) {
    for (const {box} of this.#rows) {
      if (box.checked === visible) continue;
      box.checked = visible;
      box.dispatchEvent(new Event('change'));
    }
  }
}

function share(text) {
  return Object.assign(document.createElement('span'), {textContent: text});
}

/** @returns {number[]} the share of each of `count` classes; ids that are none count for nothing. */
export function sharesOf(labels, count) {
  const counts = new Array(count).fill(0);
  for (const label of labels) if (label < count) counts[label]++;
  return counts.map((pixels) => pixels / labels.length);
}

/** The classes that are there with their shares, the largest first. */
export function inOrder(shares, names) {
  return shares.map((share, index) => [share, names[index]])
      .filter(([share]) => share >= 0.005)
      .sort(([first], [second]) => second - first)
      .map(([share, name]) => `${name}\u00a0${percent(share)}`);
}

function percent(share) {
  if (share === 0) return '–';
  // No line is broken between a number and its unit.
  return share < 0.01 ? '<1\u00a0%' : `${Math.round(share * 100)}\u00a0%`;
}
