// The board's time, in nanoseconds since first power-on. It never goes back: the chip's own clock starts anew at each
// reset, and alarms of what is outside the chip (wires, other chips) live on.
import { Clock } from './clock.mjs';

export class World {
  #base = 0;
  #clock = new Clock();
  #alarms = new Set();

  /** Simulated time, a whole number. */
  get now() {
    return Math.round(this.#base + this.#clock.nanosCounter);
  }

  /** The clock that runs at present: the chip's, or one of our own while it is off. */
  get clock() {
    return this.#clock;
  }

  /** Go on with another clock, which starts at 0 now. Alarms of the old clock that are not ours are dropped. */
  follow(clock) {
    this.#base += this.#clock.nanosCounter - clock.nanosCounter;
    this.#clock = clock;
    for (const alarm of this.#alarms) alarm.move(clock, this.#base);
  }

  /** Time on the running clock at which `worldNs` is reached. */
  onClock(worldNs) {
    return worldNs - this.#base;
  }

  /** An alarm that outlives resets: schedule(ns from now), cancel(). */
  alarm(callback) {
    const alarm = new WorldAlarm(callback);
    this.#alarms.add(alarm);
    alarm.move(this.#clock, this.#base);
    return alarm;
  }
}

class WorldAlarm {
  #callback;
  #due = null;
  #on = null;
  #base = 0;

  constructor(callback) {
    this.#callback = () => {
      this.#due = null;
      callback();
    };
  }

  schedule(ns) {
    this.#due = this.#base + this.#on.clock.nanosCounter + ns;
    this.#on.schedule(ns);
  }

  cancel() {
    this.#due = null;
    this.#on.cancel();
  }

  get scheduled() {
    return this.#due !== null;
  }

  move(clock, base) {
    this.#on?.cancel();
    this.#base = base;
    this.#on = clock.createAlarm(this.#callback);
    if (this.#due !== null) this.#on.schedule(Math.max(0, this.#due - base - clock.nanosCounter));
  }
}
