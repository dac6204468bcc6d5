// TI INA226: DC voltage, current and power over I2C (datasheet SBOS547A, chapter 7.6). It measures again and again, as
// its configuration says, and shows what it measured last.
//
// Literal: {"chip": "ina226", "bus": 0, "address": 0x40, "sda": 4, "scl": 5, "shunt_uohm": 2000, "voltage_mv": 12000,
// "current_ma": 0}. tell: {"voltage_mv", "current_ma"} change what is measured; {"silent": true} it does not answer;
// {"impossible": true} bit 15 of the bus voltage reads 1; {"reset": true} its supply goes for a moment; {"stuck_clocks": n}
// it holds SDA low for n clocks (-1: for good). The answer has the true "energy_mwh" since first power-on.

const CONFIGURATION = 0x00;
const SHUNT = 0x01;
const BUS = 0x02;
const POWER = 0x03;
const CURRENT = 0x04;
const CALIBRATION = 0x05;
const MASK = 0x06;
const READY = 1 << 3;
const RESET = 1 << 15;
const WRITABLE = new Set([CONFIGURATION, CALIBRATION, MASK, 0x07]);
const TIMES_US = [140, 204, 332, 588, 1100, 2116, 4156, 8244];
const AVERAGES = [1, 4, 16, 64, 128, 256, 512, 1024];

export class Ina226 {
  silent = false;
  #is;
  #world;
  #bus;
  #registers;
  #pointer = 0;
  #bytes = 0;
  #high = 0;
  #measure;
  #since = 0;
  #energy = 0;

  constructor(literal, board) {
    const bus = literal.bus ?? 0;
    const pins = bus ? { sda: 6, scl: 7 } : { sda: 4, scl: 5 }; // MicroPython's defaults
    this.#is = { address: 0x40, ...pins, shunt_uohm: 2000, voltage_mv: 12000, current_ma: 0, ...literal };
    this.#world = board.world;
    this.#bus = board.i2c(bus);
    this.#measure = board.world.alarm(() => this.#measured());
    this.powerOn();
    this.#bus.connect(this, this.#is.address, this.#is.sda, this.#is.scl);
  }

  powerOn() {
    this.#registers = new Map([
      [CONFIGURATION, 0x4127],
      [0xfe, 0x5449],
      [0xff, 0x2260],
    ]);
    this.#begin();
  }

  start() {
    this.#bytes = 0;
  }

  write(byte) {
    if (this.#bytes === 0) this.#pointer = byte;
    else if (this.#bytes === 1) this.#high = byte;
    else if (this.#bytes === 2) this.#set(this.#pointer, (this.#high << 8) | byte);
    this.#bytes++;
    return true;
  }

  read() {
    const value = this.#registers.get(this.#pointer) ?? 0;
    if (this.#bytes++ % 2 === 0) return value >> 8;
    if (this.#pointer === MASK) this.#registers.set(MASK, value & ~READY);
    return value & 0xff;
  }

  stop() {}

  tell({ silent, stuck_clocks, reset, ...changes }) {
    this.#energy += (this.#is.voltage_mv * this.#is.current_ma * (this.#world.now - this.#since)) / 3.6e15;
    this.#since = this.#world.now;
    Object.assign(this.#is, changes);
    if (silent !== undefined) this.silent = silent;
    if (stuck_clocks !== undefined) this.#bus.hold(stuck_clocks);
    if (reset) this.powerOn();
    return { energy_mwh: this.#energy };
  }

  #set(register, value) {
    if (!WRITABLE.has(register)) return;
    if (register === CONFIGURATION && value & RESET) return this.powerOn();
    this.#registers.set(register, value);
    if (register === CONFIGURATION) this.#begin();
  }

  #begin() {
    const configuration = this.#registers.get(CONFIGURATION);
    const [shunt, bus] = [configuration & 1, configuration & 2];
    if (!shunt && !bus) return this.#measure.cancel(); // power-down
    const once = (bus ? TIMES_US[(configuration >> 6) & 7] : 0) + (shunt ? TIMES_US[(configuration >> 3) & 7] : 0);
    this.#measure.schedule(once * AVERAGES[(configuration >> 9) & 7] * 1000);
  }

  #measured() {
    const shunt = limited((this.#is.current_ma * this.#is.shunt_uohm) / 2500, -32768, 32767);
    const bus = this.#is.impossible ? 0xffff : limited(this.#is.voltage_mv / 1.25, 0, 32767);
    const current = limited((shunt * (this.#registers.get(CALIBRATION) ?? 0)) / 2048, -32768, 32767);
    this.#registers.set(SHUNT, shunt & 0xffff);
    this.#registers.set(BUS, bus);
    this.#registers.set(CURRENT, current & 0xffff);
    this.#registers.set(POWER, limited((Math.abs(current) * bus) / 20000, 0, 65535));
    this.#registers.set(MASK, (this.#registers.get(MASK) ?? 0) | READY);
    if (this.#registers.get(CONFIGURATION) & 4) this.#begin(); // continuous
  }
}

function limited(value, least, most) {
  return Math.max(least, Math.min(most, Math.trunc(value)));
}
