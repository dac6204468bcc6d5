// The control channel: whatever comes in, each line has one answer and the emulator lives.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';
import { serve } from '../control.mjs';

class Stream extends EventEmitter {
  lines = [];
  destroyed = false;
  setEncoding() {}
  write(text) {
    this.lines.push(...text.trim().split('\n').map(JSON.parse));
  }
  destroy() {
    this.destroyed = true;
  }
}

async function answers(...parts) {
  const stream = new Stream();
  serve(stream, (request) => {
    if (request.do === 'double') return { twice: 2 * request.number };
    throw new Error(`cannot ${request.do}`);
  });
  for (const part of parts) stream.emit('data', part);
  await new Promise((resolve) => setImmediate(resolve));
  return stream;
}

test('an answer has the id of its request, also when lines come in pieces or together', async () => {
  const { lines } = await answers('{"id": 1, "do": "dou', 'ble", "number": 4}\n{"id": 2, "do": "double", "number": 5}\n');
  assert.deepEqual(lines, [{ id: 1, ok: true, twice: 8 }, { id: 2, ok: true, twice: 10 }]);
});

test('a bad request is a clear error, and the next is served', async () => {
  const { lines } = await answers('nonsense\n[1]\nnull\n{"id": 3, "do": "fly"}\n{"id": 4, "do": "double", "number": 1}\n');
  assert.match(lines[0].error, /not a line of JSON: nonsense/);
  assert.match(lines[1].error, /a request is an object/);
  assert.match(lines[2].error, /a request is an object/);
  assert.deepEqual(lines[3], { id: 3, error: 'cannot fly' });
  assert.deepEqual(lines[4], { id: 4, ok: true, twice: 2 });
});

test('a line without end is refused', async () => {
  const stream = await answers('x'.repeat(8 * 1024 * 1024 + 1));
  assert.match(stream.lines[0].error, /longer than/);
  assert.ok(stream.destroyed);
});
