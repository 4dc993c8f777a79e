// The classes: color, name, share of the picture, and a switch for each.

export class Legend {
  #rows;
  #labels;

  /** @param {(index: number, visible: boolean) => void} changed */
  constructor(list, labels, palette, changed) {
    this.#labels = labels;
    this.#rows = labels.map((label, index) => {
      const box = Object.assign(document.createElement('input'), {type: 'checkbox', checked: true});
      box.addEventListener('change', () => changed(index, box.checked));
      const name = Object.assign(document.createElement('span'), {textContent: label});
      const share = Object.assign(document.createElement('small'), {textContent: '–'});
      const row = document.createElement('label');
      row.style.setProperty('--color', `rgb(${palette[index].slice(0, 3).join(' ')})`);
      row.append(box, name, share);
      const item = document.createElement('li');
      item.append(row);
      list.append(item);
      return {row, box, share};
    });
  }

  /**
   * Counts the pixels of each class.
   * @returns {string[]} the classes that are there with their shares, the largest first.
   */
  count(labels) {
    const counts = this.#labels.map(() => 0);
    for (const label of labels) counts[label]++;
    const shares = counts.map((count) => count / labels.length);
    this.#rows.forEach(({row, share}, index) => {
      share.textContent = percent(shares[index]);
      row.style.setProperty('--share', shares[index].toFixed(3));
    });
    return shares.map((share, index) => [share, this.#labels[index]])
        .filter(([share]) => share >= 0.005)
        .sort(([first], [second]) => second - first)
        .map(([share, label]) => `${label}\u00a0${percent(share)}`);
  }

  setAll(visible) {
    for (const {box} of this.#rows) {
      if (box.checked === visible) continue;
      box.checked = visible;
      box.dispatchEvent(new Event('change'));
    }
  }
}

function percent(share) {
  if (share === 0) return '–';
  // No line is broken between a number and its unit.
  return share < 0.01 ? '<1\u00a0%' : `${Math.round(share * 100)}\u00a0%`;
}
