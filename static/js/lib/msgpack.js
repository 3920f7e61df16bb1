// Reads msgpack: what the hub answers with where numbers are many. Bytes come out as a part of the
// answer itself, so that a column of numbers is read without looking at each.

const decoder = new TextDecoder();

class Reader {
  #at = 0;

  constructor(buffer) {
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  value() {
    const kind = this.bytes[this.#advance(1)];
    if (kind < 0x80) return kind;
    if (kind < 0x90) return this.#map(kind & 0x0f);
    if (kind < 0xa0) return this.#list(kind & 0x0f);
    if (kind < 0xc0) return this.#text(kind & 0x1f);
    if (kind >= 0xe0) return kind - 0x100;
    return this.#long(kind);
  }

  // Past the last byte there is nothing to read: DataView refuses, and so do we.
  #advance(size) {
    const at = this.#at;
    if (at + size > this.bytes.length) throw new RangeError("msgpack: the answer is cut off");
    this.#at += size;
    return at;
  }

  #unsigned(size) {
    const at = this.#advance(size);
    if (size === 1) return this.view.getUint8(at);
    if (size === 2) return this.view.getUint16(at);
    if (size === 4) return this.view.getUint32(at);
    return Number(this.view.getBigUint64(at));
  }

  #signed(size) {
    const at = this.#advance(size);
    if (size === 1) return this.view.getInt8(at);
    if (size === 2) return this.view.getInt16(at);
    if (size === 4) return this.view.getInt32(at);
    return Number(this.view.getBigInt64(at));
  }

  #long(kind) {
    if (kind === 0xc0) return null;
    if (kind === 0xc2 || kind === 0xc3) return kind === 0xc3;
    if (kind >= 0xc4 && kind <= 0xc6) return this.#bytes(this.#unsigned(2 ** (kind - 0xc4)));
    if (kind === 0xca) return this.view.getFloat32(this.#advance(4));
    if (kind === 0xcb) return this.view.getFloat64(this.#advance(8));
    if (kind >= 0xcc && kind <= 0xcf) return this.#unsigned(2 ** (kind - 0xcc));
    if (kind >= 0xd0 && kind <= 0xd3) return this.#signed(2 ** (kind - 0xd0));
    if (kind >= 0xd9 && kind <= 0xdb) return this.#text(this.#unsigned(2 ** (kind - 0xd9)));
    if (kind === 0xdc || kind === 0xdd) return this.#list(this.#unsigned(kind === 0xdc ? 2 : 4));
    if (kind === 0xde || kind === 0xdf) return this.#map(this.#unsigned(kind === 0xde ? 2 : 4));
    throw new RangeError(`msgpack: 0x${kind.toString(16)} is not read here`);
  }

  #bytes(size) {
    const at = this.#advance(size);
    return this.bytes.subarray(at, at + size);
  }

  #text(size) {
    return decoder.decode(this.#bytes(size));
  }

  #list(size) {
    return Array.from({ length: size }, () => this.value());
  }

  #map(size) {
    const found = {};
    for (let left = size; left; left -= 1) {
      const key = this.value();
      found[key] = this.value();
    }
    return found;
  }
}

export const unpack = (buffer) => new Reader(buffer).value();

// A column of little-endian numbers. It rarely begins where a typed array may begin: copied.
export function floats(bytes) {
  return new Float64Array(bytes.slice().buffer);
}

// Steps beyond 2^53 are rounded here, as they would be on any screen.
export function integers(bytes) {
  return Float64Array.from(new BigInt64Array(bytes.slice().buffer), Number);
}
