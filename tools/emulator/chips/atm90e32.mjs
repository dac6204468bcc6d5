// Atmel M90E32AS: AC meter of three phases over SPI (datasheet Atmel-46003, chapter 6): voltage, current, active and
// reactive power of each, and the frequency, as means over 16 periods; configuration behind its access key; the last word
// that went either way.
//
// Literal: {"chip": "atm90e32", "bus": 0, "select": 17, "frequency_mhz": 50000, "gains": [[voltage, current], ...], "phases":
// [{"voltage_mv", "active_mw", "reactive_mvar"}, ...]}; gains: those at which the chip is right. tell: {"phases"},
// {"frequency_mhz"} change what is measured; {"line": "ones" | "zeros" | null} what its answers read as; {"garbled": n}
// a bit of every n-th word is wrong; {"impossible": true} its power registers are at their end; {"reset": true} its supply
// goes for a moment. The answer has the true "energy_mwh" of each phase since first power-on.

const METERING = 0x00;
const MODE = 0x33;
const VOLTAGE_GAIN = 0x61;
const CURRENT_GAIN = 0x62;
const RESET = 0x70;
const LAST = 0x78;
const ACCESS = 0x7f;
const ACTIVE = 0xb1;
const REACTIVE = 0xb5;
const LOW = 0x10;
const VOLTAGE = 0xd9;
const CURRENT = 0xdd;
const FREQUENCY = 0xf8;
const NOMINAL_GAIN = 0x8000;
const PERIODS = 16;
const STEP_MW = 0.32;
const LINES = { ones: 0xff, zeros: 0x00 };

export class Atm90e32 {
  #is;
  #world;
  #registers;
  #bytes = [];
  #sent = 0; // words
  #update;
  #since = 0; // of the energies
  #began = 0; // the mean that goes on
  #energies = [0, 0, 0]; // mWh since first power-on
  #sums = [0, 0, 0].map(() => [0, 0]); // of mW and mvar times ns since it began

  constructor(literal, board) {
    const dead = { voltage_mv: 0, active_mw: 0, reactive_mvar: 0 };
    const gains = [0, 1, 2].map(() => [NOMINAL_GAIN, NOMINAL_GAIN]);
    this.#is = { bus: 0, select: 17, frequency_mhz: 50_000, garbled: 0, line: null, ...literal };
    this.#is.gains = gains.map((nominal, phase) => literal.gains?.[phase] ?? nominal);
    this.#is.phases = this.#is.gains.map((_, phase) => ({ ...dead, ...literal.phases?.[phase] }));
    this.#world = board.world;
    this.#update = board.world.alarm(() => this.#measured());
    this.powerOn();
    board.spi(this.#is.bus).connect(this, this.#is.select);
  }

  powerOn() {
    this.#registers = new Map([[MODE, 0x0087]]);
    for (let phase = 0; phase < 3; phase++) {
      this.#registers.set(VOLTAGE_GAIN + 4 * phase, NOMINAL_GAIN);
      this.#registers.set(CURRENT_GAIN + 4 * phase, NOMINAL_GAIN);
    }
    this.#update.cancel();
  }

  select() {
    this.#bytes = [];
  }

  deselect() {}

  exchange(byte) {
    this.#bytes.push(byte & 0xff);
    const [high, low, first, second] = this.#bytes;
    const register = ((high & 0x03) << 8) | low;
    let answer = 0;
    if (high & 0x80 && this.#bytes.length >= 3) answer = this.#answer(register);
    else if (this.#bytes.length === 4) this.#write(register, (first << 8) | second);
    return this.#is.line ? LINES[this.#is.line] : answer;
  }

  /** The third byte is the word's high one, the fourth its low one. */
  #answer(register) {
    const word = this.#registers.get(register) ?? 0;
    if (this.#bytes.length === 3) return this.#spoilt(word >> 8);
    if (register !== LAST) this.#registers.set(LAST, word);
    return word & 0xff;
  }

  #spoilt(byte) {
    return this.#is.garbled && ++this.#sent % this.#is.garbled === 0 ? byte ^ 0x20 : byte;
  }

  #write(register, word) {
    if (register === RESET) {
      if (word === 0x789a) this.powerOn();
      return;
    }
    this.#registers.set(LAST, word);
    if (register < RESET && this.#registers.get(ACCESS) !== 0x55aa) return;
    if (register < RESET || register === ACCESS) this.#registers.set(register, word);
    if (register === METERING) this.#begin();
  }

  tell({ phases, reset, ...changes }) {
    this.#sum();
    phases?.forEach((change, phase) => Object.assign(this.#is.phases[phase], change));
    Object.assign(this.#is, changes);
    if (reset) this.powerOn();
    return { energy_mwh: this.#energies };
  }

  #begin() {
    this.#sum();
    this.#began = this.#world.now;
    for (const sums of this.#sums) sums.fill(0);
    if (this.#registers.get(METERING) === 1) this.#update.schedule((PERIODS * 1e12) / this.#is.frequency_mhz);
    else this.#update.cancel();
  }

  #sum() {
    const ns = this.#world.now - this.#since;
    this.#is.phases.forEach(({ active_mw, reactive_mvar }, phase) => {
      this.#energies[phase] += (active_mw * ns) / 3.6e12;
      this.#sums[phase][0] += active_mw * ns;
      this.#sums[phase][1] += reactive_mvar * ns;
    });
    this.#since = this.#world.now;
  }

  #measured() {
    this.#sum();
    const ns = this.#world.now - this.#began;
    this.#is.phases.forEach((phase, index) => this.#show(phase, index, ns));
    this.#registers.set(FREQUENCY, Math.round(this.#is.frequency_mhz / 10));
    this.#begin();
  }

  #show({ voltage_mv }, phase, ns) {
    const [active, reactive] = this.#sums[phase].map((sum) => sum / ns);
    const current_ma = voltage_mv ? (Math.hypot(active, reactive) * 1000) / voltage_mv : 0;
    const [rightVoltage, rightCurrent] = this.#is.gains[phase];
    const voltageGain = this.#registers.get(VOLTAGE_GAIN + 4 * phase) / rightVoltage;
    const currentGain = this.#registers.get(CURRENT_GAIN + 4 * phase) / rightCurrent;
    this.#registers.set(VOLTAGE + phase, word((voltage_mv * voltageGain) / 10));
    this.#registers.set(CURRENT + phase, word(current_ma * currentGain));
    this.#power(ACTIVE + phase, active * voltageGain * currentGain);
    this.#power(REACTIVE + phase, reactive * voltageGain * currentGain);
  }

  #power(register, milliwatts) {
    const value = this.#is.impossible ? 0x7fffffff : Math.round(milliwatts / STEP_MW);
    this.#registers.set(register, (value >> 16) & 0xffff);
    this.#registers.set(register + LOW, value & 0xffff);
  }
}

function word(value) {
  return Math.max(0, Math.min(0xffff, Math.round(value)));
}
