// NOR flash: what erasing and programming do, whole and when the power goes before, during or after an operation.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Flash, PowerCut } from '../flash.mjs';

const done = (operation) => [...operation];
const page = (byte) => new Uint8Array(256).fill(byte);
const at = (flash, offset) => flash.bytes.subarray(offset, offset + 256);

function prepared(seed = 1) {
  const flash = new Flash(seed);
  done(flash.program(4096, page(0b10101010)));
  return flash;
}

test('programming only clears bits, erasing sets a sector, nothing else changes', () => {
  const flash = prepared();
  done(flash.program(4096, page(0b11001100)));
  assert.deepEqual(at(flash, 4096), page(0b10001000));
  done(flash.program(8192, page(0)));
  done(flash.erase(4096, 4096));
  assert.deepEqual(at(flash, 4096), page(0xff));
  assert.deepEqual(at(flash, 8192), page(0));
  assert.deepEqual(flash.operations.at(-1), ['erase', 4096, 4096]);
});

test('an operation is a sector or a page, and takes the time of one', () => {
  const flash = new Flash(1);
  assert.deepEqual(done(flash.erase(0, 8192)), [45e6, 45e6]);
  assert.deepEqual(done(flash.program(0, new Uint8Array(512))), [0.4e6, 0.4e6]);
  assert.equal(flash.count, 4);
});

for (const [kind, operate, was, becomes] of [
  ['erase', (flash) => flash.erase(4096, 4096), 0b10101010, 0xff],
  ['program', (flash) => flash.program(4096, page(0)), 0b10101010, 0],
]) {
  test(`power cut before, during and after ${kind}`, () => {
    const cut = (when, seed) => {
      const flash = prepared(seed);
      flash.cutAt(1, when);
      assert.throws(() => done(operate(flash)), PowerCut);
      return at(flash, 4096);
    };
    assert.deepEqual(cut('before'), page(was));
    assert.deepEqual(cut('after'), page(becomes));
    const half = cut('during', 1);
    assert.ok(half.some((byte) => byte !== was && byte !== becomes));
    assert.ok(half.every((byte) => ((byte ^ was) & ~(becomes ^ was)) === 0), 'a bit that was right stays');
    assert.deepEqual(cut('during', 1), half);
    assert.notDeepEqual(cut('during', 2), half);
  });
}

test('the cut comes at the operation that was asked for, once', () => {
  const flash = prepared();
  flash.cutAt(3, 'before');
  done(flash.program(0, new Uint8Array(512)));
  assert.throws(() => done(flash.program(512, page(0))), /power cut before flash program at 0x200 \(operation 4\)/);
  done(flash.program(512, page(0)));
  assert.deepEqual(at(flash, 512), page(0));
});

test('what does not fit is refused', () => {
  assert.throws(() => new Flash(1).load(Buffer.alloc(4096), 2 * 1024 * 1024 - 1), /the flash has 2097152 bytes/);
  assert.throws(() => new Flash(1).cutAt(1, 'sometimes'), /before, during or after/);
});
