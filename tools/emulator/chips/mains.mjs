// The mains of a house as the converter sees it: a voltage divider on channel 0 (GP26), and current transformers of the
// grid connection on channel 1 (GP27) and of the water heater on channel 2 (GP28). Simulated, at the exact time of each
// conversion, with the formulas of firmware_mpy/gridnode/drivers/replay_meter.py.
//
// Literal: see DEFAULTS; {"profile": path} replays a home of tools/homes.py, {"fixed": {"voltage_mv", "frequency_mhz",
// "grid_mw", "grid_mvar"}} stands still. tell: {"fixed": {...}} changes that; every answer has the true integrals of
// the injected power since first power-on, "energy_import_mwh", "energy_export_mwh", "heater_mwh".
import fs from 'node:fs';
import { random } from '../random.mjs';

const DEFAULTS = {
  start_hour: 0,
  speed: 1, // hours of the profile per hour; the power is not scaled
  start_ns: 0, // when the profile is at start_hour
  nominal_mv: 230_000,
  nominal_frequency_mhz: 50_000,
  voltage_nv_per_count: 195_312_500,
  current_na_per_count: 31_250_000,
  offset_counts: 2048,
  heater_pin: 15, // its relay; high: the heater is on
  heater_mw: 2_000_000, // at nominal voltage
  noise_lsb: 1,
  seed: 1,
  steps: false, // the converter's uneven steps (erratum RP2040-E11)
};
const MAGIC = 'gnhome1\n';
const HEADER_BYTES = 32;
const HOUR_NS = 3_600_000_000_000;
const REACTIVE = 0.251; // of the load: tan(acos(0.97)), inductive
const VOLTAGE_SWAY = 0.006;
const VOLTAGE_PERIOD_S = 173;
const FREQUENCY_SWAYS = [
  [20, 97],
  [10, 41],
]; // mHz, s
const MWH_PER_MW_NS = 1 / 3.6e12;
const STEP_EVERY = 1024; // RP2040-E11: codes 512, 1536, 2560, 3584 are about 9 counts wide, the others narrower
const STEP_HALF = 4.45;

export class Mains {
  #is;
  #home = null;
  #fixed = null;
  #phase = 0; // turns by which a fixed supply's phase differs since it was last changed
  #pads;
  #world;
  #next;
  #since = 0; // energies are summed up to here
  #energy = { energy_import_mwh: 0, energy_export_mwh: 0, heater_mwh: 0 };

  constructor(literal, board) {
    this.#is = { ...DEFAULTS, ...literal };
    this.#pads = board.pads;
    this.#world = board.world;
    this.#next = random(this.#is.seed);
    if (literal.profile) this.#home = readProfile(literal.profile);
    else this.#fixed = checked(literal.fixed);
    this.#pads.watch(this.#is.heater_pin, (level) => this.#sum(!level)); // until now it was the other level
    const take = (value) => (now) => this.#counts(value(now));
    board.adc(0, take((now) => this.#volts(now) * (1e9 / this.#is.voltage_nv_per_count)));
    board.adc(1, take((now) => this.#gridAmperes(now) * (1e9 / this.#is.current_na_per_count)));
    board.adc(2, take((now) => this.#heaterAmperes(now) * (1e9 / this.#is.current_na_per_count)));
  }

  tell({ fixed }) {
    this.#sum(this.#heating);
    if (fixed !== undefined) {
      const next = checked({ ...this.#fixed, ...fixed });
      if (this.#home) throw new Error('mains: a replayed home cannot be changed');
      const now = this.#world.now;
      this.#phase += ((this.#fixed.frequency_mhz - next.frequency_mhz) * now) / 1e12;
      this.#fixed = next;
    }
    return { ...this.#energy };
  }

  get #heating() {
    return this.#pads.level(this.#is.heater_pin) === 1;
  }

  /** Millivolts RMS. */
  #voltage(now) {
    if (this.#fixed) return this.#fixed.voltage_mv;
    return this.#is.nominal_mv * (1 + VOLTAGE_SWAY * Math.sin((2 * Math.PI * now) / (VOLTAGE_PERIOD_S * 1e9)));
  }

  /** Turns since time 0: the integral of the frequency, brought into one turn. */
  #turns(now) {
    if (this.#fixed) return ((this.#fixed.frequency_mhz * now) / 1e12 + this.#phase) % 1;
    let turns = ((this.#is.nominal_frequency_mhz * now) / 1e12) % 1;
    for (const [mhz, seconds] of FREQUENCY_SWAYS) {
      turns += ((mhz / 1000) * seconds * (1 - Math.cos((2 * Math.PI * now) / (seconds * 1e9)))) / (2 * Math.PI);
    }
    return turns;
  }

  /** [load, PV] in mW, linear between the hours. */
  #powers(now) {
    if (this.#fixed) return [this.#fixed.grid_mw, 0];
    const at = this.#hours(now);
    const hour = Math.floor(at);
    const [load, pv] = this.#home(hour);
    const [nextLoad, nextPv] = this.#home(hour + 1);
    return [load + (nextLoad - load) * (at - hour), pv + (nextPv - pv) * (at - hour)];
  }

  #hours(now) {
    return this.#is.start_hour + ((now - this.#is.start_ns) * this.#is.speed) / HOUR_NS;
  }

  #volts(now) {
    return (Math.SQRT2 * this.#voltage(now) * Math.sin(2 * Math.PI * this.#turns(now))) / 1000;
  }

  #gridAmperes(now) {
    const [load, pv] = this.#powers(now);
    const reactive = this.#fixed ? this.#fixed.grid_mvar : load * REACTIVE;
    const angle = 2 * Math.PI * this.#turns(now);
    return (Math.SQRT2 * ((load - pv) * Math.sin(angle) - reactive * Math.cos(angle))) / this.#voltage(now);
  }

  #heaterAmperes(now) {
    return this.#heating ? this.#volts(now) * this.#siemens : 0;
  }

  get #siemens() {
    return (this.#is.heater_mw * 1000) / this.#is.nominal_mv ** 2;
  }

  #counts(signal) {
    const noise = this.#is.noise_lsb ? this.#is.noise_lsb * (this.#next() / 2 ** 31 - 1) : 0;
    const counts = this.#is.offset_counts + signal + noise;
    return this.#is.steps ? stepped(counts) : counts;
  }

  /** Add what was injected since the last time, while the heater was on or off. */
  #sum(heating) {
    const now = this.#world.now;
    this.#sumGrid(this.#since, now);
    if (heating) this.#energy.heater_mwh += this.#heaterEnergy(now) - this.#heaterEnergy(this.#since);
    this.#since = now;
  }

  #sumGrid(from, to) {
    while (from < to) {
      const hour = Math.floor(this.#hours(from));
      const hourEnd = this.#is.start_ns + ((hour + 1 - this.#is.start_hour) * HOUR_NS) / this.#is.speed;
      const until = this.#fixed ? to : Math.min(to, Math.max(hourEnd, from + 1));
      const [first, second] = [from, until].map((at) => this.#powers(at)).map(([load, pv]) => load - pv);
      const scale = (until - from) * MWH_PER_MW_NS;
      this.#energy.energy_import_mwh += positive(first, second) * scale;
      this.#energy.energy_export_mwh += positive(-first, -second) * scale;
      from = until;
    }
  }

  /** The integral of voltage squared over the heater's resistance, from time 0 to `now`. */
  #heaterEnergy(now) {
    const perVolt = (this.#siemens / 1000) * MWH_PER_MW_NS; // mV^2 * S / 1000 = mW
    if (this.#fixed) return this.#fixed.voltage_mv ** 2 * now * perVolt;
    const omega = (2 * Math.PI) / (VOLTAGE_PERIOD_S * 1e9);
    const sway = VOLTAGE_SWAY;
    const linear = (2 * sway * (1 - Math.cos(omega * now))) / omega;
    const square = sway ** 2 * (now / 2 - Math.sin(2 * omega * now) / (4 * omega));
    return this.#is.nominal_mv ** 2 * (now + linear + square) * perVolt;
  }
}

function checked(fixed) {
  for (const key of ['voltage_mv', 'frequency_mhz', 'grid_mw', 'grid_mvar']) {
    if (typeof fixed?.[key] !== 'number') throw new Error(`mains: fixed needs the number ${key}`);
  }
  return fixed;
}

/** home(hour) -> [load mW, PV mW]; behind the last hour comes the first. Layout: gridnode/drivers/home_profile.py. */
function readProfile(path) {
  const file = fs.readFileSync(path);
  const hours = file.length >= HEADER_BYTES ? file.readUInt32LE(8) : 0;
  if (file.toString('latin1', 0, 8) !== MAGIC || hours < 1 || file.length !== HEADER_BYTES + 8 * hours) {
    throw new Error(`mains: ${path} is not a whole home profile; make it with python -m tools.homes`);
  }
  return (hour) => {
    const at = HEADER_BYTES + 8 * (((hour % hours) + hours) % hours);
    return [file.readInt32LE(at), file.readInt32LE(at + 4)];
  };
}

/** Mean of the positive part of a line from `start` to `end`. */
function positive(start, end) {
  if (start >= 0 && end >= 0) return (start + end) / 2;
  if (start <= 0 && end <= 0) return 0;
  const high = Math.max(start, end);
  return high ** 2 / (2 * Math.abs(end - start));
}

/** The converter's code for an ideal one, with the wide codes of RP2040-E11. */
function stepped(counts) {
  const step = Math.round((counts - 512) / STEP_EVERY) * STEP_EVERY + 512;
  const off = counts - step;
  if (Math.abs(off) <= STEP_HALF) return step;
  const stretch = STEP_EVERY / 2 / (STEP_EVERY / 2 - STEP_HALF);
  return step + Math.sign(off) * (Math.abs(off) - STEP_HALF) * stretch;
}
