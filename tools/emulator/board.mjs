// The board: a chip that is powered up, reset and cut off, its flash, its wires, and the loop that lets time pass.
import { RP2040 } from 'rp2040js';
import { mendAdc } from './adc.mjs';
import { Clock } from './clock.mjs';
import { makeRunner } from './core.mjs';
import { BOOTSEL, ERASE, Flash, PROGRAM, PowerCut, hookedBootRom } from './flash.mjs';
import { I2cBus } from './i2c.mjs';
import { mendIdentity } from './identity.mjs';
import { Pads } from './pads.mjs';
import { POWER_ON, RUN_PIN, mendPower, mendWatchdog } from './power.mjs';
import { random } from './random.mjs';
import { SpiBus } from './spi.mjs';
import { UsbHost } from './usb.mjs';
import { Wire, mendUart } from './uart.mjs';
import { makeWave } from './waves.mjs';
import { World } from './world.mjs';

export const PORTS = ['uart0', 'uart1', 'usb'];
export const MENDS = ['uart', 'usb-read', 'flash', 'watchdog', 'power-registers', 'pads', 'adc', 'i2c', 'spi', 'identity'];
const XIP = 0x10000000;
const SLICE_NS = 1e6; // of simulated time between two looks at the wall clock
const QUIET = { debug() {}, info() {}, warn() {}, error() {} };

export class Board {
  world = new World();
  powered = false;
  resets = 0; // of all kinds, without the first power-on
  #mcu = null;
  #run = null;
  #rom;
  #log;
  #logger;
  #seed;
  #without;
  #onSent;
  #onIdle;
  #waves = new Array(5).fill(() => 0);
  #wires;
  #usb;
  #i2c;
  #spi;
  #listeners = { uart0: [], uart1: [] }; // device models on a UART's transmit wire
  #operation = null; // a flash operation in progress, and the chip's time until which it keeps the core
  #busyUntil = 0;
  #reset = null; // what the watchdog leaves behind, once it has gone off
  #locked = false;
  #break = null;
  #stop = false;
  #onNs = 0;
  #idleNs = 0;

  /**
   * rom: the boot ROM's 16 KiB. pulls: {pin: level} of resistors on the board. onEdge(now, pin, level, driven),
   * onSent(port, now, bytes), onIdle(port): see Pads, UART and USB. log(text). without: names of MENDS left out.
   */
  constructor({ rom, seed = 1, pulls = {}, onEdge, onSent, onIdle, log, logger = QUIET, without = [] }) {
    const unknown = without.find((name) => !MENDS.includes(name));
    if (unknown) throw new Error(`--without ${unknown}: is none of ${MENDS.join(', ')}`);
    this.#without = new Set(without);
    this.#rom = hookedBootRom(rom, { hooked: this.#mended('flash') });
    this.#seed = seed;
    this.#log = log;
    this.#logger = logger;
    this.#onSent = onSent;
    this.#onIdle = onIdle;
    this.flash = new Flash(seed);
    this.pads = new Pads(pulls, (pin, level, driven) => onEdge(this.world.now, pin, level, driven), {
      mended: this.#mended('pads'),
    });
    this.#wires = [new Wire(this.world), new Wire(this.world)];
    this.#i2c = [0, 1].map(() => new I2cBus(this.pads, { mended: this.#mended('i2c') }));
    this.#spi = [0, 1].map(() => new SpiBus(this.pads, { mended: this.#mended('spi') }));
    this.#usb = new UsbHost((bytes) => onSent('usb', this.world.now, bytes), { mended: this.#mended('usb-read') });
  }

  #mended(name) {
    return !this.#without.has(name);
  }

  /** Simulated time in which the core was neither asleep nor without power. */
  get busyNs() {
    return Math.round(this.#onNs - this.#idleNs + (this.powered ? this.world.clock.nanosCounter : 0));
  }

  get mcu() {
    return this.#mcu;
  }

  powerOn() {
    if (!this.powered) this.#start('power on', POWER_ON, null);
  }

  powerOff(why = 'power off') {
    if (!this.powered) return;
    this.#log(why);
    this.#end();
    this.#mcu = null;
    this.#connect();
    this.world.follow(new Clock());
  }

  /** The RUN pin. */
  reset() {
    this.#again('reset by the RUN pin', RUN_PIN, null);
  }

  /** The supply dips below the brown-out detector's level and comes back. */
  brownOut() {
    this.#again('brown-out', POWER_ON, null);
  }

  #again(why, cause, carried) {
    if (!this.powered) return;
    const sram = cause === POWER_ON ? null : this.#mcu.sram;
    this.#end();
    this.resets++;
    this.#start(why, cause, carried, sram);
  }

  #end() {
    this.#onNs += this.world.clock.nanosCounter;
    for (const ns of this.#operation ?? []) void ns; // the flash chip ends what it has begun
    this.#operation = this.#reset = null;
    this.#locked = false;
    this.powered = false;
  }

  #start(why, cause, carried, sram = null) {
    this.#log(why);
    const clock = new Clock();
    const mcu = new RP2040(clock);
    mcu.logger = this.#logger;
    mcu.loadBootrom(this.#rom);
    mcu.flash = this.flash.bytes;
    mcu.flash16 = new Uint16Array(mcu.flash.buffer);
    mcu.flashView = new DataView(mcu.flash.buffer);
    if (sram) mcu.sram.set(sram);
    else randomise(mcu.sram, this.#seed + this.resets);
    mcu.core.PC = XIP; // the second stage of the boot loader: where the boot ROM ends
    mcu.onBreak = (code) => this.#onBreak(code);
    this.#mcu = mcu;
    this.powered = true;
    this.#run = makeRunner(mcu);
    this.#break = clock.createAlarm(() => {}); // any alarm ends a stretch of instructions
    this.#mend(cause, carried);
    this.#connect();
    this.world.follow(clock);
  }

  #mend(cause, carried) {
    const mcu = this.#mcu;
    if (this.#mended('uart')) for (const uart of mcu.uart) mendUart(uart, this.#log);
    if (this.#mended('power-registers')) mendPower(mcu, cause, this.#seed + this.resets);
    if (this.#mended('watchdog')) {
      mendWatchdog(mcu, carried, (left) => {
        this.#reset = left;
        this.#break.schedule(0);
      });
    }
    if (this.#mended('identity')) mendIdentity(mcu, identityOf(this.#seed));
    mendAdc(mcu.adc, (channel) => this.#convert(channel), { mended: this.#mended('adc') });
    mcu.uart.forEach((uart, index) => {
      const port = PORTS[index];
      uart.onByte = (byte) => {
        this.#onSent(port, this.world.now, [byte]);
        for (const listener of this.#listeners[port]) listener(byte, uart);
      };
      uart.onIdle = () => this.#onIdle(port);
    });
  }

  #connect() {
    this.#wires.forEach((wire, index) => wire.attach(this.#mcu?.uart[index] ?? null));
    this.#usb.attach(this.#mcu);
    if (this.#mcu) [0, 1].forEach((index) => this.#i2c[index].attach(this.#mcu.i2c[index]));
    if (this.#mcu) [0, 1].forEach((index) => this.#spi[index].attach(this.#mcu.spi[index]));
    this.pads.attach(this.#mcu);
  }

  #convert(channel) {
    return Math.max(0, Math.min(4095, Math.round(this.#waves[channel](this.world.now))));
  }

  /** What channel 0 to 3 (GP26 to GP29) or 4 (temperature) sees: a literal of waves.mjs, or a function of time. */
  adc(channel, wave) {
    if (!Number.isInteger(channel) || channel < 0 || channel > 4) throw new RangeError(`adc: no channel ${channel}`);
    this.#waves[channel] = typeof wave === 'function' ? wave : makeWave(wave, this.pads);
  }

  /** Bytes into a port, beginning now; a UART's arrive at its programmed rate. */
  send(port, bytes) {
    this.#endOf(port).send(bytes);
  }

  /** Bytes sent into a port that have not yet arrived. */
  waiting(port) {
    return this.#endOf(port).waiting;
  }

  /** callback(byte, uart) for each byte that has left a UART, for what is connected to its wire. */
  listen(port, callback) {
    if (!Object.hasOwn(this.#listeners, port)) throw new Error(`no UART ${JSON.stringify(port)}: uart0, uart1`);
    this.#listeners[port].push(callback);
  }

  i2c(index) {
    if (!this.#i2c[index]) throw new Error(`no I2C bus ${index}: 0, 1`);
    return this.#i2c[index];
  }

  spi(index) {
    if (!this.#spi[index]) throw new Error(`no SPI bus ${index}: 0, 1`);
    return this.#spi[index];
  }

  #endOf(port) {
    if (!PORTS.includes(port)) throw new Error(`no port ${JSON.stringify(port)}: ${PORTS.join(', ')}`);
    return port === 'usb' ? this.#usb : this.#wires[PORTS.indexOf(port)];
  }

  #onBreak(code) {
    const [offset, second, third] = this.#mcu.core.registers;
    if (code === ERASE) this.#operation = this.flash.erase(offset, second);
    else if (code === PROGRAM) this.#operation = this.flash.program(offset, this.#memory(second, third));
    else {
      this.#locked = true;
      const what = code === BOOTSEL ? 'USB boot loader (not emulated)' : `breakpoint ${code}`;
      this.#log(`${what} at 0x${this.#mcu.core.PC.toString(16)}: the core stands until a reset`);
    }
    this.#busyUntil = 0;
    this.#break.schedule(0);
  }

  #memory(address, length) {
    return Uint8Array.from({ length }, (_, index) => this.#mcu.readUint8((address + index) >>> 0));
  }

  /** End `run` as soon as the present instruction is done. */
  stop() {
    this.#stop = true;
    this.#break?.schedule(0);
  }

  /** Let simulated time pass until `target`; true when it is reached or `stop` was called, false when `isLate()`. */
  run(target, isLate) {
    while (!this.#stop && this.world.now < target) {
      if (isLate()) return false;
      try {
        this.#stretch(Math.min(target, this.world.now + SLICE_NS));
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        this.#operation = null;
        this.powerOff(error.message);
      }
    }
    this.#stop = false;
    return true;
  }

  #stretch(worldNs) {
    const clock = this.world.clock;
    const limit = this.world.onClock(worldNs);
    const core = this.#mcu?.core;
    while (clock.nanosCounter < limit && !this.#stop) {
      if (!this.powered || this.#locked) clock.tick(limit - clock.nanosCounter);
      else if (this.#operation) this.#operate(clock, limit);
      else if (core.waiting) {
        const due = clock.nextAlarm?.nanos ?? limit;
        const ns = Math.max(0, Math.min(due, limit) - clock.nanosCounter);
        this.#idleNs += ns;
        clock.tick(ns);
      } else this.#run(limit);
      if (this.#reset !== null) {
        this.#again(`watchdog reset (${this.#reset.reason & 2 ? 'forced' : 'timed out'})`, 0, this.#reset);
        return;
      }
    }
  }

  #operate(clock, limit) {
    if (clock.nanosCounter >= this.#busyUntil) {
      const { value, done } = this.#operation.next();
      if (done) {
        this.#operation = null;
        return;
      }
      this.#busyUntil = clock.nanosCounter + value;
    }
    clock.tick(Math.min(this.#busyUntil, limit) - clock.nanosCounter);
  }
}

/** Another flash chip for another seed. */
function identityOf(seed) {
  const next = random(seed ^ 0x4b);
  return Uint8Array.from({ length: 8 }, () => next());
}

/** Memory after power-up holds anything. */
function randomise(bytes, seed) {
  const words = new Uint32Array(bytes.buffer);
  const next = random(seed);
  for (let index = 0; index < words.length; index++) words[index] = next();
}
