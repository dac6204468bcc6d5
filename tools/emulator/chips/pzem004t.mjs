// Peacefair PZEM-004T v3: AC meter, Modbus RTU on a UART at 9600 8N1 (manual of v3.0, chapters 2.2 to 2.8).
//
// Literal: {"chip": "pzem004t", "uart": 1, "address": 1, "voltage_mv": 230000, "current_ma": 0, "power_factor_per_mille":
// 1000, "frequency_mhz": 50000, "answer_ns": 20e6}. tell: changes any of these; {"broken": true} flips a bit of each answer,
// {"silent": true} gives none, {"answers_as": n} answers in another unit's name, {"impossible": true} tells more power than
// voltage times current; the answer has the true "energy_mwh" since first power-on.
import { characterNs } from '../uart.mjs';

const CHARACTER_NS = 10e9 / 9600;
const SILENCE_NS = 3.5 * CHARACTER_NS; // ends a Modbus frame
const ANYBODY = 0xf8;
const STARTS_AT_MW = 400;

export class Pzem004t {
  #is;
  #board;
  #port;
  #frame = [];
  #silence;
  #answer;
  #ready = null;
  #since = 0;
  #energy = 0;
  #reset = 0; // energy at the last reset of the register

  constructor(literal, board) {
    const what = { uart: 1, address: 1, voltage_mv: 230_000, current_ma: 0, power_factor_per_mille: 1000 };
    this.#is = { ...what, frequency_mhz: 50_000, answer_ns: 20e6, alarm_w: 23000, ...literal };
    this.#board = board;
    this.#port = `uart${this.#is.uart}`;
    this.#silence = board.world.alarm(() => this.#complete());
    this.#answer = board.world.alarm(() => board.send(this.#port, this.#ready));
    board.listen(this.#port, (byte, uart) => this.#receive(byte, uart));
  }

  #receive(byte, uart) {
    const right = Math.abs(characterNs(uart) / CHARACTER_NS - 1) < 0.03;
    this.#frame.push(right ? byte : byte ^ 0x55); // at another rate it reads something else
    this.#silence.schedule(SILENCE_NS);
  }

  #complete() {
    const frame = this.#frame.splice(0);
    if (frame.length < 4 || crc(frame) !== 0) return;
    if (frame[0] !== this.#is.address && frame[0] !== ANYBODY) return;
    const body = this.#serve(frame[1], frame.slice(2, -2));
    if (this.#is.silent) return;
    const answer = [this.#is.answers_as ?? frame[0], ...body];
    const check = crc(answer);
    this.#ready = [...answer, check & 0xff, check >> 8];
    if (this.#is.broken) this.#ready[3] ^= 0x10;
    this.#answer.schedule(this.#is.answer_ns);
  }

  #serve(code, data) {
    const [first, second] = [(data[0] << 8) | data[1], (data[2] << 8) | data[3]];
    if (code === 0x04 && data.length === 4) return this.#read(code, this.#inputs(), first, second);
    if (code === 0x03 && data.length === 4) return this.#read(code, [0, this.#is.alarm_w, this.#is.address], first, second);
    if (code === 0x06 && data.length === 4) {
      if (first === 1) this.#is.alarm_w = second;
      else if (first === 2 && second >= 1 && second <= 0xf7) this.#is.address = second;
      else return [code | 0x80, first > 2 ? 2 : 3];
      return [code, ...data];
    }
    if (code === 0x42 && data.length === 0) {
      this.#sum();
      this.#reset = this.#energy;
      return [code];
    }
    return [code | 0x80, 1];
  }

  #read(code, registers, first, count) {
    if (count < 1 || first + count > registers.length) return [code | 0x80, 2];
    const bytes = registers.slice(first, first + count).flatMap((value) => [(value >> 8) & 0xff, value & 0xff]);
    return [code, bytes.length, ...bytes];
  }

  #inputs() {
    this.#sum();
    const { voltage_mv, current_ma, frequency_mhz, power_factor_per_mille } = this.#is;
    const power = this.#is.impossible ? 0x10000000 : Math.round(this.#power / 100);
    const energy = Math.floor((this.#energy - this.#reset) / 1000);
    const two = (value) => [value & 0xffff, value >>> 16];
    return [
      Math.round(voltage_mv / 100),
      ...two(this.#power ? Math.round(current_ma) : 0),
      ...two(power),
      ...two(energy),
      Math.round(frequency_mhz / 100),
      this.#power ? Math.round(power_factor_per_mille / 10) : 0,
      power >= this.#is.alarm_w * 10 ? 0xffff : 0,
    ];
  }

  /** mW; below its starting power the meter sees none. */
  get #power() {
    const { voltage_mv, current_ma, power_factor_per_mille } = this.#is;
    const mw = (voltage_mv * current_ma * power_factor_per_mille) / 1e6;
    return mw < STARTS_AT_MW ? 0 : mw;
  }

  #sum() {
    const now = this.#board.world.now;
    this.#energy += (this.#power * (now - this.#since)) / 3.6e12;
    this.#since = now;
  }

  tell(changes) {
    this.#sum();
    Object.assign(this.#is, changes);
    return { energy_mwh: this.#energy };
  }
}

/** Modbus' CRC-16 (polynomial 0xA001, reflected); 0 over a frame with its own. */
function crc(bytes) {
  let value = 0xffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xa001 : value >> 1;
  }
  return value;
}
