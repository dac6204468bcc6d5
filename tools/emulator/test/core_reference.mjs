// What core.mjs is held against: rp2040js's own core with its few known errors put right, and the loop around it.
import { RP2040 } from 'rp2040js';
import { Clock } from '../clock.mjs';

const QUIET = { debug() {}, info() {}, warn() {}, error() {} };

/** A chip with empty flash and SRAM; rom: 4096 words or none. */
export function makeChip(rom = null) {
  const mcu = new RP2040(new Clock());
  mcu.logger = QUIET;
  if (rom) mcu.loadBootrom(rom);
  mcu.onBreak = () => {};
  return mcu;
}

/** Puts right, after each instruction, what core.mjs lists as departures. */
export function correct(mcu) {
  const { core } = mcu;
  const { executeInstruction, readUint16 } = Object.getPrototypeOf(core);
  let before = null;
  core.readUint16 = (address) => {
    const value = readUint16.call(core, address);
    // the first halfword read is the opcode
    before ??= { opcode: value, C: core.C, registers: isSuspect(value) ? Array.from(core.registers) : null };
    return value;
  };
  core.executeInstruction = () => {
    before = null;
    const cycles = executeInstruction.call(core);
    if (before.registers) putRight(core, before);
    return cycles;
  };
}

const isShift = (opcode) => [0x4080, 0x40c0, 0x4100, 0x41c0].includes(opcode & 0xffc0);
const isCarrying = (opcode) => [0x4140, 0x4180].includes(opcode & 0xffc0);
const isCall = (opcode) => opcode === 0x47f0; // BLX LR
const isSuspect = (opcode) => isShift(opcode) || isCarrying(opcode) || isCall(opcode);

function putRight(core, { opcode, C, registers }) {
  const second = registers[(opcode >> 3) & 7];
  if (isShift(opcode)) {
    if ((second & 0xff) === 0) core.C = C;
    else if ((opcode & 0xffc0) === 0x4080 && (second & 0xff) > 32) core.C = false;
  } else if (isCarrying(opcode)) {
    const first = registers[opcode & 7] | 0;
    const add = (opcode & 0xffc0) === 0x4140;
    const exact = add ? first + (second | 0) + (C ? 1 : 0) : first - (second | 0) - (C ? 0 : 1);
    core.V = exact !== (exact | 0);
  } else core.PC = registers[14] & ~1;
}

/** As makeRunner() of core.mjs, one instruction after the other. run.instructions counts them. */
export function makeReferenceRunner(mcu) {
  const { core, clock } = mcu;
  const run = (limit) => {
    while (!core.waiting) {
      const cycle = 1e9 / mcu.clkSys;
      const ns = core.executeInstruction() * cycle;
      run.instructions++;
      const then = clock.nanosCounter + ns;
      if (clock.nextAlarm !== null && clock.nextAlarm.nanos <= then) {
        clock.tick(ns);
        return;
      }
      clock.nanosCounter = then;
      if (then >= limit) return;
    }
  };
  run.instructions = 0;
  return run;
}

/** Lets time pass until `limit` nanoseconds, asleep or not. */
export function runUntil(mcu, run, limit) {
  const { core, clock } = mcu;
  while (clock.nanosCounter < limit) {
    if (!core.waiting) run(limit);
    else clock.tick(Math.min(limit, clock.nextAlarm?.nanos ?? limit) - clock.nanosCounter);
  }
}

const FIELDS = [
  'N', 'Z', 'C', 'V', 'PM', 'IPSR', 'cycles', 'waiting', 'eventRegistered', 'currentMode', 'SPSEL', 'nPRIV', 'bankedSP',
  'pendingInterrupts', 'enabledInterrupts', 'pendingSVCall', 'pendingPendSV', 'pendingSystick', 'pendingNMI', 'VTOR',
  'breakRewind',
];

/** What differs between two cores: ["R3 0x1 0x2", ...], first the reference's. */
export function differences(reference, core) {
  const found = [];
  for (let index = 0; index < 16; index++) {
    const [wanted, got] = [reference.registers[index], core.registers[index]];
    if (wanted !== got) found.push(`R${index} 0x${wanted.toString(16)} 0x${got.toString(16)}`);
  }
  for (const name of FIELDS) if (reference[name] !== core[name]) found.push(`${name} ${reference[name]} ${core[name]}`);
  return found;
}
