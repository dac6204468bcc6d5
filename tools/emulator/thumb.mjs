// The Thumb instructions of the RP2040 that only compute, for core.mjs, which tells what this is about.
//
// Cycles are rp2040js's. One switch on the opcode's upper byte, in the order of the encodings: ARM DDI 0419, A5.2.

const FLASH = 0x10000000;
const FLASH_BYTES = 0x1000000;
const SRAM = 0x20000000;
const SRAM_BYTES = 0x42000;
const ROM_BYTES = 0x4000;
const SIO = 0xd0000000;

/** Bit count of a PUSH, POP, LDM or STM list. */
const COUNT = Uint8Array.from({ length: 256 }, (_, list) => {
  let bits = 0;
  for (let rest = list; rest; rest >>= 1) bits += rest & 1;
  return bits;
});

/** What batch() works on: rp2040js's own memories, by width. SRAM, flash and boot ROM are looked at in place. */
export class Chip {
  constructor({ core, sio, sram, flash, bootrom }) {
    this.core = core;
    this.sio = sio;
    this.registers = new Int32Array(core.registers.buffer);
    this.sram8 = sram;
    this.sram16 = new Uint16Array(sram.buffer);
    this.sram32 = new Int32Array(sram.buffer);
    this.flash8 = flash;
    this.flash16 = new Uint16Array(flash.buffer);
    this.flash32 = new Int32Array(flash.buffer);
    this.rom8 = new Uint8Array(bootrom.buffer);
    this.rom16 = new Uint16Array(bootrom.buffer);
    this.rom32 = new Int32Array(bootrom.buffer);
  }

  /** Whether `address` is in flash or boot ROM: what can be read besides SRAM without side effects. */
  constant(address) {
    return (address - FLASH) >>> 0 < FLASH_BYTES || address >>> 0 < ROM_BYTES;
  }

  constant32(address) {
    return address >>> 0 < ROM_BYTES ? this.rom32[address >>> 2] : this.flash32[(address - FLASH) >>> 2];
  }

  constant16(address) {
    return address >>> 0 < ROM_BYTES ? this.rom16[address >>> 1] : this.flash16[(address - FLASH) >>> 1];
  }

  constant8(address) {
    return address >>> 0 < ROM_BYTES ? this.rom8[address] : this.flash8[address - FLASH];
  }

  /** Whether PRIMASK may change without an exception following. */
  get quiet() {
    const { core } = this;
    return !(core.pendingInterrupts & core.enabledInterrupts || core.pendingNMI || core.pendingSVCall ||
      core.pendingPendSV || core.pendingSystick);
  }
}

/** Whether reading or writing an SIO register looks at no clock and moves no pin: core id, divider, spinlocks. */
function isPlain(register) {
  return register === 0 || (register - 0x60) >>> 0 < 0x1c || (register - 0x100) >>> 0 < 0x80;
}

/**
 * Executes instructions until `budget` cycles are used or the next one is not plain computing.
 * Returns the cycles used; fewer than `budget` means: the instruction at PC is for rp2040js.
 * One long function because flags and the program counter are machine registers only inside one function, and one for
 * all chips (a closure for each would be compiled anew at each power-up).
 */
export function batch(chip, budget) {
  const { core, registers: R, flash32, sram8, sram16, sram32, quiet } = chip;
  let pc = R[15];
  let cycles = 0;
  // N is the sign of n, Z is z === 0, V is the sign of v, C is c
  let n = core.N ? -1 : 0, z = core.Z ? 0 : 1, c = core.C ? 1 : 0, v = core.V ? -1 : 0;
  let code = chip.flash16, origin = FLASH, last = FLASH_BYTES / 2 - 1;
  let a = 0, b = 0, r = 0, o = 0;
  batch: while ((cycles |= 0) < budget) {
    pc |= 0; // tells the compiler that the counter wraps
    const at = (pc - origin) >>> 1;
    if (at >= last) {
      const page = pc >>> 0;
      if (page < ROM_BYTES) { code = chip.rom16; origin = 0; }
      else if (page - FLASH >>> 0 < FLASH_BYTES) { code = chip.flash16; origin = FLASH; }
      else { code = sram16; origin = SRAM; }
      last = code.length - 1;
      if ((pc - origin) >>> 1 >= last) break;
      continue;
    }
    const op = code[at];
    switch (op >>> 8) {
      case 0x00: case 0x01: case 0x02: case 0x03: case 0x04: case 0x05: case 0x06: case 0x07: // LSLS Rd, Rm, #
        a = R[(op >>> 3) & 7]; b = (op >>> 6) & 31;
        if (b) c = (a >>> (32 - b)) & 1;
        n = z = R[op & 7] = a << b;
        break;
      case 0x08: case 0x09: case 0x0a: case 0x0b: case 0x0c: case 0x0d: case 0x0e: case 0x0f: // LSRS Rd, Rm, #
        a = R[(op >>> 3) & 7]; b = (op >>> 6) & 31;
        if (b) { c = (a >>> (b - 1)) & 1; n = z = R[op & 7] = a >>> b; }
        else { c = a >>> 31; n = z = R[op & 7] = 0; }
        break;
      case 0x10: case 0x11: case 0x12: case 0x13: case 0x14: case 0x15: case 0x16: case 0x17: // ASRS Rd, Rm, #
        a = R[(op >>> 3) & 7]; b = (op >>> 6) & 31;
        if (b) { c = (a >>> (b - 1)) & 1; n = z = R[op & 7] = a >> b; }
        else { c = a >>> 31; n = z = R[op & 7] = a >> 31; }
        break;
      case 0x18: case 0x19: // ADDS Rd, Rn, Rm
        a = R[(op >>> 3) & 7]; b = R[(op >>> 6) & 7]; r = (a + b) | 0;
        c = r >>> 0 < a >>> 0 ? 1 : 0; v = (a ^ r) & (b ^ r); n = z = R[op & 7] = r;
        break;
      case 0x1a: case 0x1b: // SUBS Rd, Rn, Rm
        a = R[(op >>> 3) & 7]; b = R[(op >>> 6) & 7]; r = (a - b) | 0;
        c = a >>> 0 >= b >>> 0 ? 1 : 0; v = (a ^ b) & (a ^ r); n = z = R[op & 7] = r;
        break;
      case 0x1c: case 0x1d: // ADDS Rd, Rn, #
        a = R[(op >>> 3) & 7]; b = (op >>> 6) & 7; r = (a + b) | 0;
        c = r >>> 0 < a >>> 0 ? 1 : 0; v = ~a & r; n = z = R[op & 7] = r;
        break;
      case 0x1e: case 0x1f: // SUBS Rd, Rn, #
        a = R[(op >>> 3) & 7]; b = (op >>> 6) & 7; r = (a - b) | 0;
        c = a >>> 0 >= b ? 1 : 0; v = a & ~r; n = z = R[op & 7] = r;
        break;
      case 0x20: case 0x21: case 0x22: case 0x23: case 0x24: case 0x25: case 0x26: case 0x27: // MOVS Rd, #
        n = z = R[(op >>> 8) & 7] = op & 0xff;
        break;
      case 0x28: case 0x29: case 0x2a: case 0x2b: case 0x2c: case 0x2d: case 0x2e: case 0x2f: // CMP Rn, #
        a = R[(op >>> 8) & 7]; b = op & 0xff; r = (a - b) | 0;
        c = a >>> 0 >= b ? 1 : 0; v = a & ~r; n = z = r;
        break;
      case 0x30: case 0x31: case 0x32: case 0x33: case 0x34: case 0x35: case 0x36: case 0x37: // ADDS Rdn, #
        a = R[(op >>> 8) & 7]; b = op & 0xff; r = (a + b) | 0;
        c = r >>> 0 < a >>> 0 ? 1 : 0; v = ~a & r; n = z = R[(op >>> 8) & 7] = r;
        break;
      case 0x38: case 0x39: case 0x3a: case 0x3b: case 0x3c: case 0x3d: case 0x3e: case 0x3f: // SUBS Rdn, #
        a = R[(op >>> 8) & 7]; b = op & 0xff; r = (a - b) | 0;
        c = a >>> 0 >= b ? 1 : 0; v = a & ~r; n = z = R[(op >>> 8) & 7] = r;
        break;
      case 0x40:
        a = R[op & 7]; b = R[(op >>> 3) & 7];
        switch ((op >>> 6) & 3) {
          case 0: n = z = R[op & 7] = a & b; break; // ANDS
          case 1: n = z = R[op & 7] = a ^ b; break; // EORS
          case 2: // LSLS
            b &= 0xff;
            if (b) c = b <= 32 ? (a >>> (32 - b)) & 1 : 0;
            n = z = R[op & 7] = b < 32 ? a << b : 0;
            break;
          case 3: // LSRS
            b &= 0xff;
            if (b) c = b <= 32 ? (a >>> (b - 1)) & 1 : 0;
            n = z = R[op & 7] = b < 32 ? (a >>> b) | 0 : 0;
            break;
        }
        break;
      case 0x41:
        a = R[op & 7]; b = R[(op >>> 3) & 7];
        switch ((op >>> 6) & 3) {
          case 0: // ASRS
            b &= 0xff;
            if (b > 32) b = 32;
            if (b) c = (a >>> (b - 1)) & 1;
            n = z = R[op & 7] = b < 32 ? a >> b : a >> 31;
            break;
          case 1: // ADCS
            r = (a + b + c) | 0;
            c = (a >>> 0) + (b >>> 0) + c > 0xffffffff ? 1 : 0; v = (a ^ r) & (b ^ r); n = z = R[op & 7] = r;
            break;
          case 2: // SBCS
            r = (a - b - 1 + c) | 0;
            c = (a >>> 0) - (b >>> 0) - 1 + c >= 0 ? 1 : 0; v = (a ^ b) & (a ^ r); n = z = R[op & 7] = r;
            break;
          case 3: // RORS
            b &= 0xff;
            r = (a >>> (b & 31)) | (a << (32 - (b & 31)));
            if (b) c = r >>> 31;
            n = z = R[op & 7] = r;
            break;
        }
        break;
      case 0x42:
        a = R[op & 7]; b = R[(op >>> 3) & 7];
        switch ((op >>> 6) & 3) {
          case 0: n = z = a & b; break; // TST
          case 1: // RSBS Rd, Rm, #0
            r = -b | 0; c = b === 0 ? 1 : 0; v = b & r; n = z = R[op & 7] = r;
            break;
          case 2: // CMP
            r = (a - b) | 0; c = a >>> 0 >= b >>> 0 ? 1 : 0; v = (a ^ b) & (a ^ r); n = z = r;
            break;
          case 3: // CMN
            r = (a + b) | 0; c = r >>> 0 < a >>> 0 ? 1 : 0; v = (a ^ r) & (b ^ r); n = z = r;
            break;
        }
        break;
      case 0x43:
        a = R[op & 7]; b = R[(op >>> 3) & 7];
        switch ((op >>> 6) & 3) {
          case 0: n = z = R[op & 7] = a | b; break; // ORRS
          case 1: n = z = R[op & 7] = Math.imul(a, b); break; // MULS
          case 2: n = z = R[op & 7] = a & ~b; break; // BICS
          case 3: n = z = R[op & 7] = ~b; break; // MVNS
        }
        break;
      case 0x44: // ADD Rdn, Rm (any registers; PC reads as the instruction's address + 4)
        R[15] = pc + 4;
        o = ((op >>> 4) & 8) | (op & 7); r = (R[o] + R[(op >>> 3) & 15]) | 0;
        if (o === 15) { pc = r & ~1; cycles += 2; continue; }
        R[o] = o === 13 ? r & ~3 : r;
        break;
      case 0x45: // CMP Rn, Rm (any registers; PC is unpredictable here, rp2040js reads the address + 2)
        R[15] = pc + 2;
        a = R[((op >>> 4) & 8) | (op & 7)]; b = R[(op >>> 3) & 15]; r = (a - b) | 0;
        c = a >>> 0 >= b >>> 0 ? 1 : 0; v = (a ^ b) & (a ^ r); n = z = r;
        break;
      case 0x46: // MOV Rd, Rm (any registers)
        R[15] = pc + 4;
        o = ((op >>> 4) & 8) | (op & 7); r = R[(op >>> 3) & 15];
        if (o === 15) { pc = r & ~1; cycles += 2; continue; }
        R[o] = o === 13 ? r & ~3 : r;
        break;
      case 0x47: // BX, BLX Rm
        R[15] = pc + 2;
        a = R[(op >>> 3) & 15];
        if (op & 7) break batch;
        if (op & 0x80) R[14] = (pc + 2) | 1;
        else if (a >>> 28 === 15) break batch; // an exception's return
        pc = a & ~1; cycles += 2;
        continue;
      case 0x48: case 0x49: case 0x4a: case 0x4b: case 0x4c: case 0x4d: case 0x4e: case 0x4f: // LDR Rt, [PC, #]
        a = ((pc + 4) & ~3) + ((op & 0xff) << 2); o = (a - FLASH) >>> 0;
        if (o < FLASH_BYTES) R[(op >>> 8) & 7] = flash32[o >>> 2];
        else if ((o = (a - SRAM) >>> 0) < SRAM_BYTES) R[(op >>> 8) & 7] = sram32[o >>> 2];
        else if (chip.constant(a)) R[(op >>> 8) & 7] = chip.constant32(a);
        else break batch;
        cycles++;
        break;
      case 0x50: case 0x51: // STR Rt, [Rn, Rm]
        o = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7] - SRAM) >>> 0;
        if (o >= SRAM_BYTES || o & 3) break batch;
        sram32[o >>> 2] = R[op & 7]; cycles++;
        break;
      case 0x52: case 0x53: // STRH Rt, [Rn, Rm]
        o = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7] - SRAM) >>> 0;
        if (o >= SRAM_BYTES || o & 1) break batch;
        sram16[o >>> 1] = R[op & 7]; cycles++;
        break;
      case 0x54: case 0x55: // STRB Rt, [Rn, Rm]
        o = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7] - SRAM) >>> 0;
        if (o >= SRAM_BYTES) break batch;
        sram8[o] = R[op & 7]; cycles++;
        break;
      case 0x56: case 0x57: // LDRSB Rt, [Rn, Rm]
        a = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7]) | 0; o = (a - SRAM) >>> 0;
        if (o < SRAM_BYTES) r = sram8[o];
        else if (chip.constant(a)) r = chip.constant8(a);
        else break batch;
        R[op & 7] = (r << 24) >> 24; cycles++;
        break;
      case 0x58: case 0x59: // LDR Rt, [Rn, Rm]
        a = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7]) | 0; o = (a - SRAM) >>> 0;
        if (a & 3) break batch;
        if (o < SRAM_BYTES) R[op & 7] = sram32[o >>> 2];
        else if (chip.constant(a)) R[op & 7] = chip.constant32(a);
        else break batch;
        cycles++;
        break;
      case 0x5a: case 0x5b: // LDRH Rt, [Rn, Rm]
        a = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7]) | 0; o = (a - SRAM) >>> 0;
        if (a & 1) break batch;
        if (o < SRAM_BYTES) R[op & 7] = sram16[o >>> 1];
        else if (chip.constant(a)) R[op & 7] = chip.constant16(a);
        else break batch;
        cycles++;
        break;
      case 0x5c: case 0x5d: // LDRB Rt, [Rn, Rm]
        a = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7]) | 0; o = (a - SRAM) >>> 0;
        if (o < SRAM_BYTES) R[op & 7] = sram8[o];
        else if (chip.constant(a)) R[op & 7] = chip.constant8(a);
        else break batch;
        cycles++;
        break;
      case 0x5e: case 0x5f: // LDRSH Rt, [Rn, Rm]
        a = (R[(op >>> 3) & 7] + R[(op >>> 6) & 7]) | 0; o = (a - SRAM) >>> 0;
        if (a & 1) break batch;
        if (o < SRAM_BYTES) r = sram16[o >>> 1];
        else if (chip.constant(a)) r = chip.constant16(a);
        else break batch;
        R[op & 7] = (r << 16) >> 16; cycles++;
        break;
      case 0x60: case 0x61: case 0x62: case 0x63: case 0x64: case 0x65: case 0x66: case 0x67: // STR Rt, [Rn, #]
        a = (R[(op >>> 3) & 7] + ((op >>> 4) & 0x7c)) | 0; o = (a - SRAM) >>> 0;
        if (a & 3) break batch;
        if (o < SRAM_BYTES) { sram32[o >>> 2] = R[op & 7]; cycles++; }
        else if (isPlain((a - SIO) >>> 0)) chip.sio.writeUint32((a - SIO) >>> 0, R[op & 7] >>> 0);
        else break batch;
        break;
      case 0x68: case 0x69: case 0x6a: case 0x6b: case 0x6c: case 0x6d: case 0x6e: case 0x6f: // LDR Rt, [Rn, #]
        a = (R[(op >>> 3) & 7] + ((op >>> 4) & 0x7c)) | 0; o = (a - SRAM) >>> 0;
        if (a & 3) break batch;
        if (o < SRAM_BYTES) { R[op & 7] = sram32[o >>> 2]; cycles++; }
        else if (chip.constant(a)) { R[op & 7] = chip.constant32(a); cycles++; }
        else if (isPlain((a - SIO) >>> 0)) R[op & 7] = chip.sio.readUint32((a - SIO) >>> 0);
        else break batch;
        break;
      case 0x70: case 0x71: case 0x72: case 0x73: case 0x74: case 0x75: case 0x76: case 0x77: // STRB Rt, [Rn, #]
        o = (R[(op >>> 3) & 7] + ((op >>> 6) & 31) - SRAM) >>> 0;
        if (o >= SRAM_BYTES) break batch;
        sram8[o] = R[op & 7]; cycles++;
        break;
      case 0x78: case 0x79: case 0x7a: case 0x7b: case 0x7c: case 0x7d: case 0x7e: case 0x7f: // LDRB Rt, [Rn, #]
        a = (R[(op >>> 3) & 7] + ((op >>> 6) & 31)) | 0; o = (a - SRAM) >>> 0;
        if (o < SRAM_BYTES) R[op & 7] = sram8[o];
        else if (chip.constant(a)) R[op & 7] = chip.constant8(a);
        else break batch;
        cycles++;
        break;
      case 0x80: case 0x81: case 0x82: case 0x83: case 0x84: case 0x85: case 0x86: case 0x87: // STRH Rt, [Rn, #]
        o = (R[(op >>> 3) & 7] + ((op >>> 5) & 0x3e) - SRAM) >>> 0;
        if (o >= SRAM_BYTES || o & 1) break batch;
        sram16[o >>> 1] = R[op & 7]; cycles++;
        break;
      case 0x88: case 0x89: case 0x8a: case 0x8b: case 0x8c: case 0x8d: case 0x8e: case 0x8f: // LDRH Rt, [Rn, #]
        a = (R[(op >>> 3) & 7] + ((op >>> 5) & 0x3e)) | 0; o = (a - SRAM) >>> 0;
        if (a & 1) break batch;
        if (o < SRAM_BYTES) R[op & 7] = sram16[o >>> 1];
        else if (chip.constant(a)) R[op & 7] = chip.constant16(a);
        else break batch;
        cycles++;
        break;
      case 0x90: case 0x91: case 0x92: case 0x93: case 0x94: case 0x95: case 0x96: case 0x97: // STR Rt, [SP, #]
        o = (R[13] + ((op & 0xff) << 2) - SRAM) >>> 0;
        if (o >= SRAM_BYTES || o & 3) break batch;
        sram32[o >>> 2] = R[(op >>> 8) & 7]; cycles++;
        break;
      case 0x98: case 0x99: case 0x9a: case 0x9b: case 0x9c: case 0x9d: case 0x9e: case 0x9f: // LDR Rt, [SP, #]
        o = (R[13] + ((op & 0xff) << 2) - SRAM) >>> 0;
        if (o >= SRAM_BYTES || o & 3) break batch;
        R[(op >>> 8) & 7] = sram32[o >>> 2]; cycles++;
        break;
      case 0xa0: case 0xa1: case 0xa2: case 0xa3: case 0xa4: case 0xa5: case 0xa6: case 0xa7: // ADR Rd, #
        R[(op >>> 8) & 7] = (pc & ~3) + 4 + ((op & 0xff) << 2);
        break;
      case 0xa8: case 0xa9: case 0xaa: case 0xab: case 0xac: case 0xad: case 0xae: case 0xaf: // ADD Rd, SP, #
        R[(op >>> 8) & 7] = R[13] + ((op & 0xff) << 2);
        break;
      case 0xb0: // ADD, SUB SP, #
        a = (op & 0x7f) << 2;
        R[13] = (op & 0x80 ? R[13] - a : R[13] + a) & ~3;
        break;
      case 0xb2:
        a = R[(op >>> 3) & 7];
        switch ((op >>> 6) & 3) {
          case 0: R[op & 7] = (a << 16) >> 16; break; // SXTH
          case 1: R[op & 7] = (a << 24) >> 24; break; // SXTB
          case 2: R[op & 7] = a & 0xffff; break; // UXTH
          case 3: R[op & 7] = a & 0xff; break; // UXTB
        }
        break;
      case 0xb4: case 0xb5: // PUSH
        b = COUNT[op & 0xff];
        r = ((op >>> 8) & 1) + b;
        o = (R[13] - 4 * r - SRAM) >>> 0;
        if (o > SRAM_BYTES - 4 * r) break batch;
        a = o >>> 2;
        for (r = 0; r < 8; r++) if ((op >>> r) & 1) sram32[a++] = R[r];
        if (op & 0x100) sram32[a] = R[14];
        R[13] = o + SRAM; cycles += b;
        break;
      case 0xb6: // CPS
        if (!quiet) break batch;
        if (op === 0xb672) core.PM = true;
        else if (op === 0xb662) core.PM = false;
        else break batch;
        break;
      case 0xba:
        a = R[(op >>> 3) & 7]; b = ((a & 0x00ff00ff) << 8) | ((a >>> 8) & 0x00ff00ff);
        switch ((op >>> 6) & 3) {
          case 0: R[op & 7] = (b << 16) | (b >>> 16); break; // REV
          case 1: R[op & 7] = b; break; // REV16
          case 2: break batch;
          case 3: R[op & 7] = (b << 16) >> 16; break; // REVSH
        }
        break;
      case 0xbc: case 0xbd: // POP
        b = COUNT[op & 0xff];
        o = (R[13] - SRAM) >>> 0; a = o >>> 2;
        if (o >= SRAM_BYTES - 36) break batch;
        if (op & 0x100) {
          r = sram32[a + b];
          if (r >>> 28 === 15) break batch; // an exception's return
        }
        for (o = 0; o < 8; o++) if ((op >>> o) & 1) R[o] = sram32[a++];
        cycles += b + 1;
        if (op & 0x100) { R[13] += 4 * b + 4; pc = r & ~1; cycles += 2; continue; }
        R[13] += 4 * b; pc += 2;
        continue;
      case 0xbf:
        if (op & 0xff) break batch; // hints; 0 is NOP
        break;
      case 0xc0: case 0xc1: case 0xc2: case 0xc3: case 0xc4: case 0xc5: case 0xc6: case 0xc7: // STMIA Rn!
        b = COUNT[op & 0xff]; o = (R[(op >>> 8) & 7] - SRAM) >>> 0; a = o >>> 2;
        if ((op >>> ((op >>> 8) & 7)) & 1) break batch; // base in the list: stores what nobody may rely on
        if (o > SRAM_BYTES - 4 * b || o & 3) break batch;
        for (r = 0; r < 8; r++) if ((op >>> r) & 1) sram32[a++] = R[r];
        R[(op >>> 8) & 7] += 4 * b; cycles += b;
        break;
      case 0xc8: case 0xc9: case 0xca: case 0xcb: case 0xcc: case 0xcd: case 0xce: case 0xcf: // LDMIA Rn!
        b = COUNT[op & 0xff]; a = R[(op >>> 8) & 7]; o = (a - SRAM) >>> 0;
        if (a & 3) break batch;
        R[(op >>> 8) & 7] = a + 4 * b; // before the loads: a base in the list is loaded, not written back
        if (o <= SRAM_BYTES - 4 * b) {
          o >>>= 2;
          for (r = 0; r < 8; r++) if ((op >>> r) & 1) R[r] = sram32[o++];
        } else if (chip.constant(a) && chip.constant(a + 4 * b)) {
          for (r = 0; r < 8; r++) if ((op >>> r) & 1) { R[r] = chip.constant32(a); a += 4; }
        } else { R[(op >>> 8) & 7] = a; break batch; }
        cycles += b;
        break;
      case 0xd0: if (z === 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BEQ
      case 0xd1: if (z !== 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BNE
      case 0xd2: if (c) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BCS
      case 0xd3: if (!c) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BCC
      case 0xd4: if (n < 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BMI
      case 0xd5: if (n >= 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BPL
      case 0xd6: if (v < 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BVS
      case 0xd7: if (v >= 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BVC
      case 0xd8: if (c && z !== 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BHI
      case 0xd9: if (!c || z === 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BLS
      case 0xda: if ((n ^ v) >= 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BGE
      case 0xdb: if ((n ^ v) < 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BLT
      case 0xdc: if (z !== 0 && (n ^ v) >= 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BGT
      case 0xdd: if (z === 0 || (n ^ v) < 0) { pc += ((op << 24) >> 23) + 4; cycles += 2; continue; } break; // BLE
      case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe4: case 0xe5: case 0xe6: case 0xe7: // B
        pc += ((op << 21) >> 20) + 4; cycles += 2;
        continue;
      case 0xf3: // barriers; MRS, MSR of PRIMASK; BL
        b = code[at + 1];
        if (op === 0xf3bf && ((b & 0xfff0) === 0x8f50 || (b & 0xfff0) === 0x8f40 || (b & 0xfff0) === 0x8f60)) {
          pc += 4; cycles += 3;
          continue;
        }
        if (op === 0xf3ef && (b & 0xf0ff) === 0x8010 && b < 0x8d00) {
          R[(b >>> 8) & 15] = core.PM ? 1 : 0;
          pc += 4; cycles += 3;
          continue;
        }
        if ((op & 0xfff0) === 0xf380 && b === 0x8810 && quiet) {
          core.PM = (R[op & 15] & 1) !== 0;
          pc += 4; cycles += 3;
          continue;
        }
      // falls through
      case 0xf0: case 0xf1: case 0xf2: case 0xf4: case 0xf5: case 0xf6: case 0xf7: // BL
        b = code[at + 1];
        if ((b & 0xd000) !== 0xd000) break batch; // MRS, MSR, barriers, UDF.W
        r = ((op << 21) >> 31);
        a = (r << 24) | ((~(r ^ (b >>> 13)) & 1) << 23) | ((~(r ^ (b >>> 11)) & 1) << 22);
        R[14] = (pc + 4) | 1;
        pc += (a | ((op & 0x3ff) << 12) | ((b & 0x7ff) << 1)) + 4; cycles += 3;
        continue;
      default: // CPS, BKPT, UDF, SVC and what the M0+ does not have
        break batch;
    }
    pc += 2;
    cycles++;
  }
  R[15] = pc;
  core.N = n < 0; core.Z = z === 0; core.C = c !== 0; core.V = v < 0;
  core.cycles += cycles;
  return cycles;
}
