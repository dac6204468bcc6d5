// An I2C bus: what is on it answers the RP2040's I2C block, and also the pins themselves, as MicroPython's scan (and
// SoftI2C) drive them bit by bit.
//
// A device on the bus has start(reading), write(byte) -> acknowledged, read() -> byte, stop(); while it is `silent` it
// acknowledges nothing. A chip may hold SDA low, as one does that was interrupted: see hold.
//
// Mends rp2040js: its I2C takes no time, and an address that nobody answers leaves TX_EMPTY clear, so that the SDK waits
// for ever (MicroPython: ETIMEDOUT where a real chip gives EIO).

const TX_EMPTY = 1 << 4;
const IC_ENABLE = 0x6c;

export class I2cBus {
  #devices = new Map();
  #target = null;
  #mended;
  #held = 0; // clocks for which a chip holds SDA low; below 0: for good

  constructor(pads, { mended = true } = {}) {
    this.pads = pads;
    this.#mended = mended;
  }

  /** Connect a device to address 0x08 to 0x77, at the pins sda and scl. */
  connect(device, address, sda, scl) {
    if (!Number.isInteger(address) || address < 0x08 || address > 0x77) throw new Error(`I2C: no address ${address}`);
    if (this.#devices.has(address)) throw new Error(`I2C: address 0x${address.toString(16)} is taken`);
    this.#devices.set(address, device);
    if (this.#target) return;
    for (const pin of [sda, scl]) this.pads.pull(pin, 1); // the resistors that every such bus has
    this.#target = new PinTarget(this, sda, scl);
  }

  at(address) {
    const device = this.#devices.get(address) ?? null;
    return device?.silent ? null : device;
  }

  /** A chip holds SDA low until it has seen so many clocks (-1: for good; 0: it lets go). Nobody can start meanwhile. */
  hold(clocks) {
    this.#held = clocks;
    this.#target?.hold(clocks !== 0);
  }

  /** SCL has fallen. */
  clocked() {
    if (this.#held > 0) this.hold(this.#held - 1);
  }

  get held() {
    return this.#held !== 0;
  }

  /** Serve another chip's I2C block. */
  attach(i2c) {
    let device = null;
    const then = this.#mended ? delayed(i2c) : (characters, action) => action();
    const wait = giveUpWhenDisabled(i2c);
    i2c.onStart = () => (this.held ? wait() : then(0, () => i2c.completeStart()));
    i2c.onConnect = (address, mode) => {
      device?.stop();
      device = this.at(address);
      device?.start(mode === 1);
      then(1, () => i2c.completeConnect(device !== null));
    };
    i2c.onWriteByte = (byte) => {
      const acknowledged = device.write(byte);
      then(1, () => i2c.completeWrite(acknowledged));
    };
    i2c.onReadByte = () => {
      const byte = device.read();
      then(1, () => i2c.completeRead(byte));
    };
    i2c.onStop = () => {
      device?.stop();
      device = null;
      then(0, () => i2c.completeStop());
    };
    if (!this.#mended) return;
    const abort = i2c.abort.bind(i2c);
    i2c.abort = (reason) => {
      abort(reason);
      i2c.setInterrupts(TX_EMPTY);
    };
  }
}

/** wait(): the bus is not free. The controller then waits until it is disabled (DesignWare APB I2C, IC_ENABLE). */
function giveUpWhenDisabled(i2c) {
  let waiting = false;
  const write = i2c.writeUint32.bind(i2c);
  i2c.writeUint32 = (offset, value) => {
    if (waiting && offset === IC_ENABLE && !(value & 1)) {
      waiting = i2c.busy = i2c.stop = i2c.pendingRestart = false;
      i2c.state = 0; // idle
    }
    write(offset, value);
  };
  return () => (waiting = true);
}

/** then(characters, action): after the time of so many characters (9 bits) on the bus, and a bit for its start or stop. */
function delayed(i2c) {
  let next = null;
  const alarm = i2c.rp2040.clock.createAlarm(() => next());
  return (characters, action) => {
    next = action;
    const bitNs = ((i2c.sclHighPeriod + i2c.sclLowPeriod) * 1e9) / i2c.rp2040.clkSys;
    alarm.schedule((9 * characters || 1) * bitNs);
  };
}

/** The bus as its two wires: follows START, STOP and bits, and pulls SDA low to acknowledge and to answer. */
class PinTarget {
  #bits = -1; // -1: the bus is free
  #byte = 0;
  #device = null;
  #phase = 'idle'; // address, write, read: what the present byte is
  #low = false;
  #held = false;

  constructor(bus, sda, scl) {
    this.bus = bus;
    this.sda = sda;
    bus.pads.watch(sda, (level) => {
      if (bus.pads.level(scl) && !this.#low) level ? this.#stop() : this.#start();
    });
    bus.pads.watch(scl, (level) => {
      if (!this.#held) level ? this.#rise() : this.#fall();
      else if (!level) bus.clocked();
    });
  }

  hold(held) {
    this.#held = held;
    this.#phase = 'idle';
    this.#pull(held);
  }

  #start() {
    this.#phase = 'address';
    this.#bits = -1; // the clock falls once before the first bit
    this.#byte = 0;
  }

  #stop() {
    this.#device?.stop();
    this.#device = null;
    this.#phase = 'idle';
    this.#pull(false);
  }

  #rise() {
    if (this.#phase === 'idle' || this.#bits < 0) return;
    const bit = this.bus.pads.level(this.sda);
    if (this.#phase !== 'read') this.#byte = this.#bits < 8 ? ((this.#byte << 1) | bit) & 0xff : this.#byte;
    else if (this.#bits === 8 && bit) this.#phase = 'idle'; // the controller wants no more
    this.#bits++;
  }

  #fall() {
    if (this.#phase === 'idle') return this.#pull(false);
    if (this.#bits < 0) this.#bits = 0;
    if (this.#bits === 8 && this.#phase !== 'read') this.#pull(this.#acknowledges());
    else if (this.#bits === 8) this.#pull(false);
    else {
      if (this.#bits === 9) this.#next();
      this.#pull(this.#phase === 'read' && !((this.#byte >> (7 - this.#bits)) & 1));
    }
  }

  #acknowledges() {
    if (this.#phase === 'write') return this.#device.write(this.#byte);
    this.#device?.stop();
    this.#device = this.bus.at(this.#byte >> 1);
    this.#device?.start(!!(this.#byte & 1));
    return this.#device !== null;
  }

  #next() {
    if (this.#device === null) this.#phase = 'idle';
    else if (this.#phase === 'address') this.#phase = this.#byte & 1 ? 'read' : 'write';
    this.#bits = 0;
    this.#byte = this.#phase === 'read' ? this.#device.read() : 0;
  }

  #pull(low) {
    if (low === this.#low) return;
    this.#low = low;
    this.bus.pads.drive(this.sda, low ? 0 : null);
  }
}
