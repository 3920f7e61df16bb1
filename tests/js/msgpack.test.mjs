import assert from "node:assert/strict";
import { test } from "node:test";
import { floats, integers, unpack } from "../../static/js/lib/msgpack.js";

const bytes = (...values) => Uint8Array.from(values).buffer;

test("small things are one byte", () => {
  assert.equal(unpack(bytes(0x07)), 7);
  assert.equal(unpack(bytes(0xff)), -1);
  assert.equal(unpack(bytes(0xc0)), null);
  assert.deepEqual(unpack(bytes(0x82, 0xa1, 0x61, 0xc3, 0xa1, 0x62, 0x92, 0x01, 0xc2)), { a: true, b: [1, false] });
});

test("numbers of every length", () => {
  assert.equal(unpack(bytes(0xcd, 0x01, 0x00)), 256);
  assert.equal(unpack(bytes(0xce, 0xff, 0xff, 0xff, 0xff)), 4294967295);
  assert.equal(unpack(bytes(0xcf, 0, 0, 0, 1, 0, 0, 0, 0)), 2 ** 32);
  assert.equal(unpack(bytes(0xd0, 0x80)), -128);
  assert.equal(unpack(bytes(0xd3, 255, 255, 255, 255, 255, 255, 255, 254)), -2);
  assert.equal(unpack(bytes(0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)), 1.5);
});

test("columns of bytes become numbers wherever they begin", () => {
  const two = new Uint8Array(Float64Array.of(1.5, NaN).buffer);
  const answer = unpack(bytes(0x81, 0xa1, 0x61, 0xc4, 16, ...two));
  assert.deepEqual([...floats(answer.a)], [1.5, NaN]);
  const large = new Uint8Array(BigInt64Array.of(-3n, 2n ** 53n).buffer);
  assert.deepEqual([...integers(large)], [-3, 2 ** 53]);
});

test("an answer that is cut off is refused", () => {
  assert.throws(() => unpack(bytes(0x92, 0x01)), RangeError);
  assert.throws(() => unpack(bytes(0xc4, 9, 1)), RangeError);
  assert.throws(() => unpack(bytes(0xc1)), /0xc1/);
});
