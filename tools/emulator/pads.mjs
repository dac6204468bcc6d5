// The chip's pads as the circuit around them sees them, and as the chip's inputs see the circuit.
//
// Mends rp2040js: an input does not see the chip's own output nor its pull-up, so Pin.value() of an output is always 0
// and a button with a pull-up is always pressed; and pads power up with their inputs off.

const PAD_AT_RESET = 0x56; // RP2040 datasheet 2.19.6.3: input on, 4 mA, pull-down, Schmitt trigger

export class Pads {
  #gpio = null;
  #outside = new Map(); // pin -> level that something outside drives
  #pulls; // pin -> level that a resistor on the board pulls to
  #levels = new Array(30).fill(0);
  #driven = new Array(30).fill(false);
  #listeners = new Map();
  #onEdge;
  #mended;

  /** onEdge(pin, level, driven) for each change of what is on a pin's wire; driven: by the chip. */
  constructor(pulls, onEdge, { mended = true } = {}) {
    this.#pulls = new Map(Object.entries(pulls).map(([pin, level]) => [Number(pin), level]));
    this.#onEdge = onEdge;
    this.#mended = mended;
    for (let pin = 0; pin < 30; pin++) this.#levels[pin] = this.#pulls.get(pin) ?? 0;
  }

  /** Another chip is powered up, or none (null): its pads drive nothing. */
  attach(mcu) {
    this.#gpio = mcu?.gpio ?? null;
    for (let pin = 0; pin < 30; pin++) {
      const gpio = this.#gpio?.[pin];
      if (gpio) {
        if (this.#mended) gpio.padValue = PAD_AT_RESET;
        const upstream = gpio.checkForUpdates.bind(gpio);
        gpio.checkForUpdates = () => {
          upstream();
          this.#update(pin);
        };
      }
      this.#update(pin);
    }
  }

  /** Something outside drives the pin to a level, or lets go of it (null). */
  drive(pin, level) {
    checkPin(pin);
    if (level === null) this.#outside.delete(pin);
    else this.#outside.set(pin, level ? 1 : 0);
    this.#update(pin);
  }

  /** A resistor on the board pulls the pin to a level while nobody drives it. */
  pull(pin, level) {
    checkPin(pin);
    this.#pulls.set(pin, level ? 1 : 0);
    this.#update(pin);
  }

  level(pin) {
    checkPin(pin);
    return this.#levels[pin];
  }

  driven(pin) {
    checkPin(pin);
    return this.#driven[pin];
  }

  /** callback(level) for each change on the pin's wire, for what is connected to it. */
  watch(pin, callback) {
    checkPin(pin);
    this.#listeners.set(pin, [...(this.#listeners.get(pin) ?? []), callback]);
  }

  #update(pin) {
    const gpio = this.#gpio?.[pin];
    const driven = !!gpio && !!gpio.outputEnable && !gpio.outputDisable;
    const level = driven ? (gpio.outputValue ? 1 : 0) : this.#floating(pin, gpio);
    if (gpio && level !== (gpio.rawInputValue ? 1 : 0) && (this.#mended || this.#outside.has(pin))) {
      gpio.setInputValue(!!level);
    }
    if (level === this.#levels[pin] && driven === this.#driven[pin]) return;
    const changed = level !== this.#levels[pin];
    this.#levels[pin] = level;
    this.#driven[pin] = driven;
    this.#onEdge(pin, level, driven);
    if (changed) for (const callback of this.#listeners.get(pin) ?? []) callback(level);
  }

  #floating(pin, gpio) {
    const outside = this.#outside.get(pin) ?? this.#pulls.get(pin);
    if (outside !== undefined) return outside;
    if (!gpio?.pullupEnabled) return 0;
    return gpio.pulldownEnabled ? this.#levels[pin] : 1; // both: the pad keeps its level
  }
}

function checkPin(pin) {
  if (!Number.isInteger(pin) || pin < 0 || pin > 29) throw new RangeError(`pin ${pin}: the RP2040 has GPIO 0 to 29`);
}
