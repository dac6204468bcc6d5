// A faster core for rp2040js 1.4.1: the same instructions in the same cycles, in batches between two alarms.
//
//   install(mcu)                   mcu.core.executeInstruction() is the fast one from now on
//   const run = makeRunner(mcu)    run(limit) executes until the clock is there, an alarm goes off, or the core sleeps
//
// How it is fast. rp2040js finds each instruction by a chain of up to 75 comparisons, keeps flags in object fields and
// asks the bus for every halfword of code. thumb.mjs finds it by one switch on the opcode's upper byte; flags, program
// counter and cycles are locals; flash, SRAM and boot ROM are read as typed arrays. Nothing is kept about an address:
// code that is programmed into flash or written by the program itself needs no care.
//
// How it is the same. Whatever is more than computing (a peripheral, an unaligned address, an exception and its return,
// BKPT, UDF, SVC, WFI, WFE, an unknown opcode) ends the batch before that instruction. rp2040js's own
// executeInstruction then does it, with every register in its place and the clock at its time: what looks at the clock
// then (peripherals, alarms, listeners of pins) sees what it would have seen.
//
// Departures, each towards the ARMv6-M Architecture Reference Manual (ARM DDI 0419), tested in test/core.test.mjs:
//   LSLS, LSRS, ASRS, RORS by a register whose low byte is 0 leave C alone (rp2040js: bit 31, LSLS apart);
//   LSLS by 33 to 255 clears C (rp2040js: some bit of the operand);
//   ADCS, SBCS with an operand of 0x7fffffff count the carry into V (rp2040js: as if the operand were negative);
//   BLX LR goes where LR pointed before.

import { random } from './random.mjs';
import { Chip, batch } from './thumb.mjs';

const LONGEST = 1e9; // cycles in one batch

let warm = false;

/**
 * Shows batch() to V8's compiler with all that it will meet: each upper byte of an opcode a few times, on a chip of
 * nobody. Otherwise the compiler learns of them one by one while MicroPython boots, and begins anew each time.
 */
function warmUp() {
  if (warm) return;
  warm = true;
  const core = { registers: new Uint32Array(16), PM: false, N: false, Z: false, C: false, V: false, cycles: 0 };
  const sio = { readUint32: () => 0, writeUint32() {} };
  const flash = new Uint8Array(0x1000000);
  const chip = new Chip({ core, sio, flash, sram: new Uint8Array(0x42000), bootrom: new Uint32Array(0x1000) });
  const next = random(1);
  const places = [0x20000000, 0x20000000, 0x20010000, 0x10000000, 0, 0xd0000000, next() % 40];
  for (let round = 0; round < 5 * 256; round++) {
    for (const [code, at] of [[chip.flash16, 0x10000000], [chip.sram16, 0x20000000]]) {
      for (let index = 0; index < 4; index++) code[0x400 + index] = ((round & 0xff) << 8) | (next() & 0xff);
      for (let index = 0; index < 15; index++) core.registers[index] = places[next() % 7] + ((next() & 0x3f) << 2);
      core.registers[13] = 0x20000800 + (next() & 0xff0);
      core.registers[15] = at + 0x800;
      for (const flag of ['N', 'Z', 'C', 'V']) core[flag] = next() % 2 === 1;
      batch(chip, 4);
    }
  }
}

/** How to execute on mcu's core: many(budget), see batch(); slow(): rp2040js's own; one(): whichever does it. */
function waysToExecute(mcu) {
  warmUp();
  const { core } = mcu;
  const chip = new Chip(mcu);
  const { blTaken } = core;
  const { executeInstruction } = Object.getPrototypeOf(core);
  // who listens for calls (sets core.blTaken from now on) gets rp2040js's own core, which tells him
  const many = (budget) => (core.blTaken === blTaken ? batch(chip, budget) : 0);
  const slow = () => executeInstruction.call(core);
  const one = () => {
    if (core.interruptsUpdated && core.checkForInterrupts()) core.waiting = false;
    return many(1) || slow();
  };
  return { many, slow, one };
}

/** Makes mcu.core.executeInstruction() the fast one. mcu's memories must be in their place by now. */
export function install(mcu) {
  mcu.core.executeInstruction = waysToExecute(mcu).one;
}

/**
 * run(limit) executes instructions until mcu.clock reaches `limit` nanoseconds, an alarm has gone off, or the core
 * sleeps. An alarm goes off after the instruction in which it falls due. A cycle is one of mcu.clkSys at present.
 */
export function makeRunner(mcu) {
  const { core, clock } = mcu;
  const { many, slow, one } = waysToExecute(mcu);

  /** Let `ns` pass; whether that ends the run. */
  const pass = (ns, limit) => {
    const then = clock.nanosCounter + ns;
    const alarm = clock.nextAlarm;
    if (alarm !== null && alarm.nanos <= then) {
      clock.tick(ns);
      return true;
    }
    clock.nanosCounter = then;
    return then >= limit;
  };

  return function run(limit) {
    let over = false;
    while (!over && !core.waiting) {
      const cycle = 1e9 / mcu.clkSys;
      if (core.interruptsUpdated) {
        over = pass(one() * cycle, limit);
        continue;
      }
      const due = Math.min(limit, clock.nextAlarm?.nanos ?? limit);
      const budget = Math.min(Math.ceil((due - clock.nanosCounter) / cycle), LONGEST);
      const cycles = budget > 0 ? many(budget) : 0;
      over = cycles > 0 && pass(cycles * cycle, limit);
      if (!over && cycles < Math.max(budget, 1)) over = pass(slow() * cycle, limit);
    }
  };
}
