// The models to choose from: those of manifest.json and those that the user has opened.
import {readModel} from './catalogue.js';

export class Models {
  #entries = new Map(); // name -> {name, content} or an entry of manifest.json
  #lists;

  /** @param {HTMLSelectElement[]} lists that offer all of them. */
  constructor(lists) {
    this.#lists = lists;
  }

  /** @param {object[]} listed `models` of manifest.json. */
  addListed(listed) {
    for (const entry of listed) {
      this.#entries.set(entry.file, entry);
      this.#offer(entry.file, `${entry.format}, ${megabytes(entry.bytes)}: ${entry.file}`);
    }
  }

  /** A file of the user, to be chosen again later. Another of its name gets a number. */
  async addOwn(file) {
    const content = new Uint8Array(await file.arrayBuffer());
    let name = file.name;
    for (let number = 2; this.#entries.has(name) && !same(this.#entries.get(name), content); number++) {
      name = `${file.name} (${number})`;
    }
    const model = this.#entries.get(name) ?? {name, content};
    return {model, keep: () => this.#keep(model)};
  }

  /** @returns {Promise<{name, content}>} */
  async read(name) {
    const entry = this.#entries.get(name);
    return entry.content ? entry : {name, content: await readModel(entry)};
  }

  #keep(model) {
    if (this.#entries.has(model.name)) return;
    this.#entries.set(model.name, model);
    this.#offer(model.name, `${model.name} (yours, ${megabytes(model.content.length)})`);
  }

  #offer(name, text) {
    for (const list of this.#lists) list.add(new Option(text, name));
  }
}

function same({content}, other) {
  return content?.length === other.length && content.every((byte, index) => byte === other[index]);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e5 ? 3 : 1)}\u00a0MB`;
}
