// Events are kept until they are taken, in bounded memory, and what was dropped is told.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Events } from '../events.mjs';

const text = (events) => events.take().bytes.map(([port, now, data]) => [port, now, Buffer.from(data, 'base64').toString()]);

test('bytes without a pause are one run, with the time of the last', () => {
  const events = new Events();
  events.sent('uart0', 10, [65]);
  events.sent('uart1', 11, [88]);
  events.sent('uart0', 20, [66]);
  events.idle('uart0');
  events.sent('uart0', 50, [67]);
  assert.deepEqual(text(events), [['uart0', 20, 'AB'], ['uart1', 11, 'X'], ['uart0', 50, 'C']]);
  assert.deepEqual(text(events), []);
});

test('a packet of the USB port is a run', () => {
  const events = new Events();
  events.sent('usb', 10, [65]);
  events.sent('usb', 20, [66]);
  assert.deepEqual(text(events), [['usb', 10, 'A'], ['usb', 20, 'B']]);
});

test('edges that nobody takes are dropped, oldest first, and counted', () => {
  const events = new Events();
  for (let at = 0; at < 200_005; at++) events.edge(at, 1, at & 1, true);
  const { edges, lost } = events.take();
  assert.equal(edges.length, 200_000);
  assert.equal(edges[0][0], 5);
  assert.equal(lost, 5);
  assert.equal(events.take().lost, 0);
});
