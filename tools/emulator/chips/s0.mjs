// The S0 pulse output of an energy meter (EN 62053-31): an optocoupler that pulls a pin for 30 ms whenever so much energy
// has flowed. What holds the pin otherwise is a resistor, or the chip's own.
//
// Literal: {"chip": "s0", "pin": 2, "active_level": 0, "pulses_per_kwh": 1000, "power_mw": 0, "pulse_ns": 30e6, "bounces": 0}.
// tell: changes power_mw, pulse_ns, bounces (of the contact, at each change, 0.5 ms apart); {"spike_ns": 12e6} pulls the
// pin once for that long, {"stuck": true} for good. The answer has the true "energy_mwh" and the "pulses" since power-on.

const BOUNCE_NS = 0.5e6;

export class S0 {
  #is;
  #world;
  #pads;
  #next;
  #end;
  #shake;
  #shakes = 0;
  #pulled = false;
  #since = 0;
  #energy = 0;
  #pulses = 0;

  constructor(literal, board) {
    this.#is = { active_level: 0, pulses_per_kwh: 1000, power_mw: 0, pulse_ns: 30e6, bounces: 0, stuck: false, ...literal };
    if (!Number.isInteger(this.#is.pin)) throw new Error('s0: pin must be a number');
    this.#world = board.world;
    this.#pads = board.pads;
    this.#next = board.world.alarm(() => this.#pulse());
    this.#end = board.world.alarm(() => this.#pull(false));
    this.#shake = board.world.alarm(() => this.#bounce());
    this.#pull(false);
    this.#wait();
  }

  tell({ spike_ns, ...changes }) {
    this.#sum();
    Object.assign(this.#is, changes);
    if (changes.stuck !== undefined) this.#pull(changes.stuck);
    if (spike_ns !== undefined) {
      this.#show(true);
      this.#end.schedule(spike_ns);
    }
    this.#wait();
    return { energy_mwh: this.#energy, pulses: this.#pulses };
  }

  #sum() {
    this.#energy += (this.#is.power_mw * (this.#world.now - this.#since)) / 3.6e12;
    this.#since = this.#world.now;
  }

  /** Until the energy of the next pulse has flowed. */
  #wait() {
    if (this.#is.power_mw <= 0) return this.#next.cancel();
    const missing = ((this.#pulses + 1) * 1e6) / this.#is.pulses_per_kwh - this.#energy;
    this.#next.schedule(Math.max(0, (missing * 3.6e12) / this.#is.power_mw));
  }

  #pulse() {
    this.#sum();
    this.#pulses++;
    this.#pull(true);
    this.#end.schedule(this.#is.pulse_ns);
    this.#wait();
  }

  #pull(pulled) {
    this.#shakes = 2 * this.#is.bounces;
    this.#show(pulled || this.#is.stuck);
    if (this.#shakes) this.#shake.schedule(BOUNCE_NS);
  }

  #bounce() {
    this.#show(!this.#pulled);
    if (--this.#shakes) this.#shake.schedule(BOUNCE_NS);
  }

  #show(pulled) {
    this.#pulled = pulled;
    this.#pads.drive(this.#is.pin, pulled ? this.#is.active_level : null);
  }
}
