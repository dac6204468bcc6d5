// What the chip knows of its own power-up: the reset cause registers, the ring oscillator's random bit, the watchdog.
//
// Mends rp2040js: CHIP_RESET and ROSC read as all ones (so os.urandom gives the same bytes for ever), and the watchdog
// has nobody to reset the chip and goes off again at the same instant, for ever.
import { BasePeripheral } from 'rp2040js';
import { random } from './random.mjs';

const VREG_AND_CHIP_RESET = 0x40064;
const ROSC = 0x40060;
const WATCHDOG = 0x40058;
export const POWER_ON = 1 << 8; // HAD_POR: also after a brown-out
export const RUN_PIN = 1 << 16; // HAD_RUN

class ChipReset extends BasePeripheral {
  constructor(mcu, cause) {
    super(mcu, 'VREG_AND_CHIP_RESET');
    this.registers = [0x10b1, 0x91, cause]; // RP2040 datasheet 2.10.6 and 2.12.8: values after reset
  }

  readUint32(offset) {
    return this.registers[offset >> 2] ?? 0;
  }

  writeUint32(offset, value) {
    if (offset < 8) this.registers[offset >> 2] = value;
  }
}

class RingOscillator extends BasePeripheral {
  constructor(mcu, seed) {
    super(mcu, 'ROSC');
    this.registers = new Map([
      [0x00, 0xfabaa0], // CTRL: enabled, low range
      [0x18, 0x80001000], // STATUS: stable and enabled
    ]);
    this.random = random(seed);
  }

  readUint32(offset) {
    if (offset === 0x1c) return (this.random() >>> 9) & 1;
    return this.registers.get(offset) ?? 0;
  }

  writeUint32(offset, value) {
    if (offset !== 0x18 && offset !== 0x1c) this.registers.set(offset, value);
  }
}

/** cause: CHIP_RESET's bits; seed: of the random bit. */
export function mendPower(mcu, cause, seed) {
  mcu.peripherals[VREG_AND_CHIP_RESET] = new ChipReset(mcu, cause);
  mcu.peripherals[ROSC] = new RingOscillator(mcu, seed);
}

/** onReset({scratch, reason}) when the watchdog resets the chip; `carried`: what it left the last time, or null. */
export function mendWatchdog(mcu, carried, onReset) {
  const watchdog = mcu.peripherals[WATCHDOG];
  if (carried) {
    watchdog.scratchData.set(carried.scratch);
    watchdog.reason = carried.reason;
  }
  watchdog.onWatchdogTrigger = () => {
    watchdog.alarm.enable = false;
    onReset({ scratch: Uint32Array.from(watchdog.scratchData), reason: watchdog.reason });
  };
}
