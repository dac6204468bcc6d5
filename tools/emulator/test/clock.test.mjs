// The chip's clock, and the board's time over resets of the chip.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Clock } from '../clock.mjs';
import { World } from '../world.mjs';

test('alarms go off in order of time, at their time, and in the order of setting when due together', () => {
  const clock = new Clock();
  const seen = [];
  const alarm = (name) => clock.createAlarm(() => seen.push([name, clock.nanos]));
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(alarm);
  a.schedule(30);
  b.schedule(10);
  c.schedule(10);
  d.schedule(20);
  d.cancel();
  clock.tick(29);
  assert.deepEqual(seen, [['b', 10], ['c', 10]]);
  assert.equal(clock.nanosToNextAlarm, 1);
  clock.tick(1);
  assert.deepEqual(seen.at(-1), ['a', 30]);
  assert.equal(clock.nextAlarm, null);
});

test('an alarm set again while it waits goes off once', () => {
  const clock = new Clock();
  let count = 0;
  const alarm = clock.createAlarm(() => count++);
  alarm.schedule(10);
  alarm.schedule(20);
  clock.tick(100);
  assert.equal(count, 1);
});

test('an alarm may set another, or itself, within the same stretch of time', () => {
  const clock = new Clock();
  const seen = [];
  const again = clock.createAlarm(() => {
    seen.push(clock.nanos);
    if (seen.length < 3) again.schedule(5);
  });
  again.schedule(5);
  clock.tick(100);
  assert.deepEqual(seen, [5, 10, 15]);
});

test('time goes on over a reset, and what is outside the chip keeps its alarms', () => {
  const world = new World();
  const seen = [];
  const alarm = world.alarm(() => seen.push(world.now));
  alarm.schedule(100);
  world.clock.tick(60);
  const lost = world.clock.createAlarm(() => seen.push('of the old chip'));
  lost.schedule(10);
  const chip = new Clock();
  world.follow(chip);
  assert.equal(world.now, 60);
  chip.tick(39);
  assert.deepEqual(seen, []);
  chip.tick(1);
  assert.deepEqual(seen, [100]);
  assert.equal(world.onClock(110), 50);
});
