// Tables of a flatbuffer, read by a field's slot. What is missing is 0, null or empty.
// Offsets of a damaged one lead out of it: DataView throws a RangeError then.

export class Table {
  #bytes;
  #view;
  #at;

  /**
   * @param {Uint8Array} bytes the whole flatbuffer.
   * @param {number=} at where the table is; its root if left out.
   */
  constructor(bytes, at) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at ?? this.#view.getUint32(0, true);
  }

  byte(slot) {
    const field = this.#field(slot);
    return field && this.#view.getInt8(field);
  }

  int(slot) {
    const field = this.#field(slot);
    return field && this.#view.getInt32(field, true);
  }

  text(slot) {
    const bytes = this.bytes(slot);
    return bytes && new TextDecoder().decode(bytes);
  }

  table(slot) {
    const field = this.#field(slot);
    return field ? new Table(this.#bytes, this.#target(field)) : null;
  }

  tables(slot) {
    return this.#entries(slot, 4, (place) => new Table(this.#bytes, this.#target(place)));
  }

  ints(slot) {
    return this.#entries(slot, 4, (place) => this.#view.getInt32(place, true));
  }

  longs(slot) {
    return this.#entries(slot, 8, (place) => Number(this.#view.getBigInt64(place, true)));
  }

  floats(slot) {
    return this.#entries(slot, 4, (place) => this.#view.getFloat32(place, true));
  }

  /** A vector of bytes, or a string's. */
  bytes(slot) {
    const [start, count] = this.#vector(slot, 1);
    return start ? this.#bytes.subarray(start, start + count) : null;
  }

  #entries(slot, bytes, read) {
    const [start, count] = this.#vector(slot, bytes);
    return Array.from({length: count}, (_, index) => read(start + bytes * index));
  }

  #vector(slot, bytes) {
    const field = this.#field(slot);
    if (!field) return [0, 0];
    const start = this.#target(field) + 4;
    const count = this.#view.getUint32(start - 4, true);
    if (start + count * bytes > this.#bytes.length) throw new RangeError('a vector without end');
    return [start, count];
  }

  #target(place) {
    return place + this.#view.getUint32(place, true);
  }

  #field(slot) {
    const list = this.#at - this.#view.getInt32(this.#at, true);
    const place = 4 + 2 * slot;
    if (place >= this.#view.getUint16(list, true)) return 0;
    const offset = this.#view.getUint16(list + place, true);
    return offset && this.#at + offset;
  }
}
