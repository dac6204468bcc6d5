// TI INA228: DC voltage, current, power and energy in 20 bits over I2C (datasheet SLYS021, chapter 7.6). It measures again
// and again, as its configuration says, and shows the mean of what was there since it measured last.
//
// Literal: {"chip": "ina228", "bus": 0, "address": 0x40, "sda": 4, "scl": 5, "shunt_uohm": 2000, "voltage_mv": 12000,
// "current_ma": 0}. tell: {"voltage_mv", "current_ma"} change what is measured; {"silent": true} it does not answer;
// {"impossible": true} the bus voltage reads below 0; {"memory_bad": true} its trimming fails its checksum; {"reset": true}
// its supply goes for a moment; {"stuck_clocks": n} it holds SDA low for n clocks (-1: for good). The answer has the true
// "energy_mwh" since first power-on.

const CONFIGURATION = 0x00;
const CONVERSION = 0x01;
const SHUNT_CALIBRATION = 0x02;
const SHUNT = 0x04;
const BUS = 0x05;
const ALERTS = 0x0b;
const RESET = 1 << 15;
const FINE = 1 << 4;
const LATCH = 1 << 15;
const READY = 1 << 1;
const MEMORY_GOOD = 1 << 0;
const WRITABLE = new Set([CONFIGURATION, CONVERSION, SHUNT_CALIBRATION, ALERTS]);
const TIMES_US = [50, 84, 150, 280, 540, 1052, 2074, 4120];
const AVERAGES = [1, 4, 16, 64, 128, 256, 512, 1024];
const BYTES = new Map([
  [SHUNT, 3],
  [BUS, 3],
]);

export class Ina228 {
  silent = false;
  #is;
  #world;
  #bus;
  #registers;
  #pointer = 0;
  #bytes = 0;
  #high = 0;
  #measure;
  #since = 0; // of the energy
  #energy = 0;
  #began = 0; // the measurement that goes on
  #sums = [0, 0]; // of mV and mA times ns since it began
  #summed = 0;

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
      [CONVERSION, 0xfb68],
      [SHUNT_CALIBRATION, 0x1000],
      [ALERTS, MEMORY_GOOD],
      [0x3e, 0x5449],
      [0x3f, 0x2281],
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
    const bytes = BYTES.get(this.#pointer) ?? 2;
    const last = bytes - 1 - (this.#bytes++ % bytes);
    if (!last && this.#pointer === ALERTS && value & LATCH) this.#registers.set(ALERTS, value & ~READY);
    return (value >> (8 * last)) & 0xff;
  }

  stop() {}

  tell({ silent, stuck_clocks, reset, ...changes }) {
    this.#sum();
    const { voltage_mv, current_ma } = this.#is;
    this.#energy += (voltage_mv * current_ma * (this.#world.now - this.#since)) / 3.6e15;
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
    if (register === ALERTS) value = (value & 0xf000) | (this.#registers.get(ALERTS) & 0x0fff);
    this.#registers.set(register, value);
    if (register === CONVERSION) this.#begin();
  }

  #begin() {
    const setting = this.#registers.get(CONVERSION);
    const [bus, shunt, heat] = [setting & 0x1000, setting & 0x2000, setting & 0x4000];
    this.#began = this.#summed = this.#world.now;
    this.#sums = [0, 0];
    if (!bus && !shunt && !heat) return this.#measure.cancel(); // shut down
    const once = [bus && 9, shunt && 6, heat && 3].reduce((us, at) => us + (at ? TIMES_US[(setting >> at) & 7] : 0), 0);
    this.#measure.schedule(once * AVERAGES[setting & 7] * 1000);
  }

  #sum() {
    const ns = this.#world.now - this.#summed;
    this.#sums[0] += this.#is.voltage_mv * ns;
    this.#sums[1] += this.#is.current_ma * ns;
    this.#summed = this.#world.now;
  }

  #measured() {
    this.#sum();
    const [voltage, current] = this.#sums.map((sum) => sum / (this.#world.now - this.#began));
    const stepNv = this.#registers.get(CONFIGURATION) & FINE ? 78.125 : 312.5;
    const shunt = limited((current * this.#is.shunt_uohm) / stepNv, -(1 << 19), (1 << 19) - 1);
    const bus = this.#is.impossible ? 0xfffff : limited(voltage / 0.1953125, 0, (1 << 19) - 1);
    this.#registers.set(SHUNT, (shunt & 0xfffff) << 4);
    this.#registers.set(BUS, bus << 4);
    const alerts = this.#registers.get(ALERTS) & ~MEMORY_GOOD;
    this.#registers.set(ALERTS, alerts | READY | (this.#is.memory_bad ? 0 : MEMORY_GOOD));
    if (this.#registers.get(CONVERSION) & 0x8000) this.#begin(); // continuous
  }
}

function limited(value, least, most) {
  return Math.max(least, Math.min(most, Math.round(value)));
}
