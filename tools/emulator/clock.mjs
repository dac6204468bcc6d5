// A chip's clock: nanoseconds since its reset, and what is due. The interface is that of rp2040js' SimulationClock
// (nanosCounter, nextAlarm, tick, createAlarm), which its package does not export; alarms due at the same time go off
// in the order in which they were set.

class Alarm {
  next = null;
  nanos = 0;
  scheduled = false;

  constructor(clock, callback) {
    this.clock = clock;
    this.callback = callback;
  }

  schedule(ns) {
    if (this.scheduled) this.clock.unlink(this);
    this.clock.link(this, ns);
  }

  cancel() {
    if (this.scheduled) this.clock.unlink(this);
  }
}

export class Clock {
  nanosCounter = 0;
  nextAlarm = null; // the first of a list in order of time

  get nanos() {
    return this.nanosCounter;
  }

  get micros() {
    return this.nanosCounter / 1000;
  }

  get nanosToNextAlarm() {
    return this.nextAlarm ? this.nextAlarm.nanos - this.nanosCounter : 0;
  }

  createAlarm(callback) {
    return new Alarm(this, callback);
  }

  /** Let time pass, with all that is due in it. */
  tick(ns) {
    const target = this.nanosCounter + ns;
    for (let alarm = this.nextAlarm; alarm && alarm.nanos <= target; alarm = this.nextAlarm) {
      this.nextAlarm = alarm.next;
      alarm.scheduled = false;
      this.nanosCounter = alarm.nanos;
      alarm.callback();
    }
    this.nanosCounter = target;
  }

  link(alarm, ns) {
    const due = this.nanosCounter + ns;
    alarm.nanos = due;
    alarm.scheduled = true;
    let before = null;
    let after = this.nextAlarm;
    while (after && after.nanos <= due) {
      before = after;
      after = after.next;
    }
    alarm.next = after;
    if (before) before.next = alarm;
    else this.nextAlarm = alarm;
  }

  unlink(alarm) {
    alarm.scheduled = false;
    let before = null;
    let at = this.nextAlarm;
    while (at && at !== alarm) {
      before = at;
      at = at.next;
    }
    if (!at) return;
    if (before) before.next = at.next;
    else this.nextAlarm = at.next;
  }
}
