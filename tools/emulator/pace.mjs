// Who lets time pass: a stepped board's `run` requests, or the wall clock.
import { performance } from 'node:perf_hooks';

const TURN_MS = 4; // of wall time, then others have their turn
const BEHIND_MS = 250; // a board that cannot keep up goes on from where it is
const soon = () => new Promise((resolve) => setImmediate(resolve));

/** Let `board` run until simulated time `target`, letting the ports and the control channel work in between. */
export async function runUntil(board, target) {
  for (;;) {
    const end = performance.now() + TURN_MS;
    if (board.run(target, () => performance.now() > end)) return;
    await soon();
  }
}

/** Run for ever: at `speed` times real time, 0: as fast as it goes. `look()` is called between turns. */
export async function runForever(board, speed, look) {
  let wall = performance.now();
  let simulated = board.world.now;
  for (;;) {
    const end = performance.now() + TURN_MS;
    const due = speed ? simulated + (performance.now() - wall) * 1e6 * speed : board.world.now + 50e6;
    board.run(Math.round(due), () => performance.now() > end);
    look();
    if (speed) {
      const ahead = (board.world.now - simulated) / 1e6 / speed - (performance.now() - wall);
      if (ahead < -BEHIND_MS) {
        wall = performance.now();
        simulated = board.world.now;
      }
      if (ahead > -1) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
    }
    await soon();
  }
}
