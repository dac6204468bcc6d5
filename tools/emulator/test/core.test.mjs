// The faster core against rp2040js's own: every opcode, what is put right, the runner, and MicroPython in lock-step.
// The last needs CORE_TEST_IMAGE (UF2), CORE_TEST_BOOT_ROM and CORE_TEST_FILESYSTEM: see tests/emulator/test_core.py.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { install, makeRunner } from '../core.mjs';
import { ERASE, Flash, PROGRAM, hookedBootRom } from '../flash.mjs';
import { random } from '../random.mjs';
import { mendUart } from '../uart.mjs';
import { correct, differences, makeChip, makeReferenceRunner, runUntil } from './core_reference.mjs';

const FLASH = 0x10000000;
const SRAM = 0x20000000;
const SRAM_END = 0x20042000;

function pair() {
  const [reference, fast] = [makeChip(), makeChip()];
  correct(reference);
  install(fast);
  return [reference, fast];
}

function sameMemory(reference, fast) {
  for (const name of ['sram', 'usbDPRAM']) assert.ok(Buffer.compare(reference[name], fast[name]) === 0, name);
  const bytes = (mcu) => new Uint8Array(mcu.bootrom.buffer);
  assert.ok(Buffer.compare(bytes(reference), bytes(fast)) === 0, 'boot ROM');
}

/** A register's content that is likely to matter. */
function value(next) {
  const any = next();
  const small = next() % 0x1000;
  switch (next() % 16) {
    case 0: return any;
    case 1: return [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7ffffffe, 0x80000001, 0xff][any % 8];
    case 2: return any % 40;
    case 3: return FLASH + 4 * small;
    case 4: return 4 * small; // boot ROM
    case 5: return SRAM_END - (any % 48);
    case 6: return SRAM + small; // unaligned too
    case 7: return (SRAM - (any % 8)) >>> 0;
    case 8: return 0xd0000000 + [0, 0x60, 0x64, 0x68, 0x6c, 0x70, 0x74, 0x78, 0x100, 0x17c, 0x14][any % 11];
    // the timer, the USB controller's memory, VTOR, nothing, the flash's mirror, what follows the boot ROM
    case 9: return [0x40054024, 0x50100100, 0xe000ed08, 0x14000000, 0x11000000, 0x4000][any % 6];
    case 10: return [0xfffffff1, 0xfffffff9, 0xfffffffd, 0xf0000000][any % 4];
    default: return SRAM + 4 * small;
  }
}

/** The same random state for both chips, about to execute `words` (halfwords) at an address that is returned. */
function scatter(chips, next, words) {
  const registers = Array.from({ length: 16 }, () => value(next));
  const edge = 4 * (next() % 12);
  registers[13] = [SRAM + 0x100 * edge, SRAM + edge, SRAM_END - edge, SRAM - edge, FLASH + 0x100000 + edge][next() % 5];
  const at = next() % 2 ? SRAM + 0x8000 : FLASH + 0x8000;
  registers[15] = at + (next() % 16 ? 0 : 1); // rp2040js keeps the bit of an odd vector
  const [bits, exception, pending] = [next(), next() % 8, next() % 4];
  for (const { core, sram, flash } of chips) {
    core.registers.set(registers);
    for (const [bit, name] of ['N', 'Z', 'C', 'V', 'PM'].entries()) core[name] = ((bits >> bit) & 1) === 1;
    core.IPSR = exception === 0 ? 11 : 0;
    core.currentMode = exception === 0 ? 1 : 0;
    core.nPRIV = core.eventRegistered = false;
    core.waiting = pending === 0 && ((bits >> 5) & 1) === 1;
    core.SPSEL = 0;
    core.bankedSP = SRAM + 0x3000;
    core.VTOR = SRAM + 0x100;
    core.enabledInterrupts = 0x3;
    core.pendingInterrupts = pending === 0 ? 0x2 : 0;
    core.pendingSVCall = core.pendingPendSV = core.pendingSystick = core.pendingNMI = false;
    core.interruptsUpdated = pending === 0 && exception !== 1;
    const memory = new DataView((at < SRAM ? flash : sram).buffer);
    words.forEach((word, index) => memory.setUint16(0x8000 + 2 * index, word, true));
  }
}

/** A second halfword: anything, or what goes with MRS, MSR, a barrier, BL, UDF.W. */
function secondHalf(next) {
  const any = next() & 0xffff;
  const barrier = 0x8f40 | (any & 0x2f);
  return [any, 0x8010 | (any & 0xf00), 0x8810, barrier, 0x8f50, 0x8f60, 0xd000 | (any & 0x2fff), 0xa000][any % 8];
}

test('every opcode does what it does in rp2040js', (context) => {
  context.mock.method(console, 'warn', () => {}); // of SIO registers that are not there
  const [reference, fast] = pair();
  const chips = [reference, fast];
  for (let round = 0; round < 6; round++) {
    const next = random(round + 1);
    const words = Uint32Array.from({ length: 0x42000 / 4 }, () => value(next));
    for (const { sram } of chips) sram.set(new Uint8Array(words.buffer));
    for (let opcode = 0; opcode < 0x10000; opcode++) {
      scatter(chips, next, [opcode, secondHalf(next)]);
      for (const step of ['', ' and one more']) {
        const [wanted, got] = chips.map(({ core }) => core.executeInstruction());
        const found = differences(reference.core, fast.core);
        if (wanted !== got) found.push(`cycles ${wanted} ${got}`);
        assert.deepEqual(found, [], `opcode 0x${opcode.toString(16)}${step} in round ${round}`);
      }
      if (opcode % 512 === 0) sameMemory(reference, fast);
    }
    sameMemory(reference, fast);
  }
  assert.equal(Buffer.compare(reference.flash, fast.flash), 0, 'flash');
});

// What ARM DDI 0419 says of each in chapter A6.7, by the instruction's name.
const CORRECTIONS = [
  // name, opcode, before {R0, R1, R14, C}, after {...}
  ['LSRS by 0 leaves C', 0x40c8, { R0: 0x80000001, R1: 0x100, C: false }, { R0: 0x80000001, C: false }],
  ['ASRS by 0 leaves C', 0x4108, { R0: 0x80000001, R1: 0, C: false }, { R0: 0x80000001, C: false }],
  ['RORS by 0 leaves C', 0x41c8, { R0: 1, R1: 0, C: true }, { R0: 1, C: true }],
  ['LSLS by 33 clears C', 0x4088, { R0: 0xffffffff, R1: 33, C: true }, { R0: 0, C: false }],
  ['0 + 0x7fffffff + 1 overflows', 0x4148, { R0: 0x7fffffff, R1: 0, C: true }, { R0: 0x80000000, C: false, V: true }],
  ['-2^31 - 0x7fffffff - 1 does', 0x4188, { R0: 0x80000000, R1: 0x7fffffff, C: false }, { R0: 0, C: true, V: true }],
  ['0 - 0x7fffffff - 1 does not', 0x4188, { R0: 0, R1: 0x7fffffff, C: false }, { R0: 0x80000000, C: false, V: false }],
  ['BLX LR', 0x47f0, { R14: SRAM + 0x41 }, { R14: SRAM + 0x8003, R15: SRAM + 0x40 }],
];

function executed(mcu, opcode, before) {
  const { core } = mcu;
  core.PC = SRAM + 0x8000;
  core.V = core.C = false;
  mcu.writeUint16(core.PC, opcode);
  for (const [name, wanted] of Object.entries(before)) {
    if (name.startsWith('R')) core.registers[Number(name.slice(1))] = wanted;
    else core[name] = wanted;
  }
  core.executeInstruction();
  return (name) => (name.startsWith('R') ? core.registers[Number(name.slice(1))] : core[name]);
}

for (const [name, opcode, before, after] of CORRECTIONS) {
  test(`as the ARM manual has it: ${name}`, () => {
    const chips = [makeChip(), makeChip()];
    install(chips[1]);
    const [upstream, ours] = chips.map((mcu) => {
      const look = executed(mcu, opcode, before);
      return Object.fromEntries(Object.keys(after).map((key) => [key, look(key)]));
    });
    assert.deepEqual(ours, after);
    assert.notDeepEqual(upstream, after, 'rp2040js does it right now: the departure can go');
  });
}

function counting() {
  const mcu = makeChip();
  const code = [0x3001, 0xe7fd]; // ADDS R0, #1; B to it: 3 cycles
  code.forEach((word, index) => mcu.writeUint16(SRAM + 0x8000 + 2 * index, word));
  mcu.core.PC = SRAM + 0x8000;
  mcu.core.registers[0] = 0;
  return mcu;
}

test('the runner stops at its limit, after the instruction that reaches it', () => {
  const mcu = counting();
  const run = makeRunner(mcu);
  run(1000); // 42 rounds of 24 ns
  assert.deepEqual([mcu.clock.nanos, mcu.core.registers[0]], [1008, 42]);
  run(1009);
  assert.deepEqual([mcu.clock.nanos, mcu.core.registers[0]], [1016, 43]);
});

test('the runner stops after an alarm, and the core is up to date in it', () => {
  const mcu = counting();
  const seen = [];
  mcu.clock.createAlarm(() => seen.push(mcu.clock.nanos, mcu.core.registers[0])).schedule(500);
  makeRunner(mcu)(1e6);
  assert.deepEqual(seen, [500, 21]);
  assert.equal(mcu.clock.nanos, 504);
});

test('the runner stops when the core sleeps, and goes on at an interrupt', () => {
  const mcu = counting();
  mcu.writeUint16(SRAM + 0x8002, 0xbf30); // WFI
  const run = makeRunner(mcu);
  run(1e6);
  assert.deepEqual([mcu.core.waiting, mcu.clock.nanos], [true, 24]);
});

for (const [name, words] of [['CPSIE', [0xb662]], ['MSR PRIMASK', [0xf381, 0x8810]]]) {
  test(`an interrupt that was masked comes right after ${name}`, () => {
    const mcu = counting();
    const { core } = mcu;
    words.forEach((word, index) => mcu.writeUint16(SRAM + 0x8000 + 2 * index, word));
    mcu.writeUint32(SRAM + 16 * 4, SRAM + 0x9000); // vector of interrupt 0
    Object.assign(core, { VTOR: SRAM, PM: true, enabledInterrupts: 1, SP: SRAM + 0x1000 });
    core.registers[1] = 0;
    core.setInterrupt(0, true);
    makeRunner(mcu)(40);
    assert.equal(core.IPSR, 16);
    assert.equal(mcu.readUint32(core.SP + 0x18), SRAM + 0x8000 + 2 * words.length, 'where it came');
  });
}

test('code that is rewritten is executed as it is now', () => {
  const mcu = counting();
  const run = makeRunner(mcu);
  run(240);
  assert.equal(mcu.core.registers[0], 10);
  mcu.sramView.setUint16(0x8000, 0x3002, true); // ADDS R0, #2
  run(480);
  assert.equal(mcu.core.registers[0], 30);
});

test('who listens for calls is told of each', () => {
  const mcu = counting();
  const run = makeRunner(mcu);
  let calls = 0;
  mcu.core.blTaken = () => calls++;
  const code = [0xf000, 0xf800, 0xe7fc]; // BL to what follows; B back
  code.forEach((word, index) => mcu.writeUint16(SRAM + 0x8000 + 2 * index, word));
  run(8 * 5 * 10);
  assert.equal(calls, 10);
});

const { CORE_TEST_IMAGE: image, CORE_TEST_BOOT_ROM: bootRom, CORE_TEST_FILESYSTEM: filesystem } = process.env;

function board() {
  const flash = new Flash(1);
  flash.load(fs.readFileSync(image), 0);
  flash.load(fs.readFileSync(filesystem), 0xa0000);
  const mcu = makeChip(hookedBootRom(fs.readFileSync(bootRom)));
  mcu.flash.set(flash.bytes);
  mcu.core.PC = FLASH;
  mcu.onBreak = (code) => serve(mcu, code);
  const said = [];
  for (const uart of mcu.uart) {
    mendUart(uart, () => {});
    uart.onByte = (byte) => said.push(Math.round(mcu.clock.nanos), byte);
    uart.onIdle = () => {};
  }
  const edges = [];
  for (const pin of [16, 25]) {
    mcu.gpio[pin].addListener((state) => edges.push([Math.round(mcu.clock.nanos), pin, state]));
  }
  return { mcu, edges, said };
}

function serve({ core, flash, readUint8 }, code) {
  const [offset, second, length] = core.registers;
  if (code === ERASE) flash.fill(0xff, offset, offset + second);
  else if (code === PROGRAM) {
    for (let index = 0; index < length; index++) flash[offset + index] &= core.readUint8(second + index);
  } else assert.fail(`breakpoint ${code}`);
}

test('MicroPython boots and works in lock-step', { skip: image ? false : 'no CORE_TEST_IMAGE' }, () => {
  const [reference, fast] = [board(), board()];
  correct(reference.mcu);
  const runs = [makeReferenceRunner(reference.mcu), makeRunner(fast.mcu)];
  const next = random(7);
  for (let now = 0, at = 0; now < 1500e6; now += now < 20e6 ? next() % 5000 : next() % 200000) {
    runUntil(reference.mcu, runs[0], now);
    runUntil(fast.mcu, runs[1], now);
    assert.deepEqual(differences(reference.mcu.core, fast.mcu.core), [], `at ${now} ns`);
    assert.ok(Math.abs(reference.mcu.clock.nanos - fast.mcu.clock.nanos) < 1e-3, `clock at ${now} ns`);
    if (now - at > 50e6) {
      sameMemory(reference.mcu, fast.mcu);
      at = now;
    }
  }
  sameMemory(reference.mcu, fast.mcu);
  assert.equal(Buffer.compare(reference.mcu.flash, fast.mcu.flash), 0, 'flash');
  assert.deepEqual(fast.edges, reference.edges);
  assert.deepEqual(fast.said, reference.said);
  assert.ok(fast.said.length > 0, 'nothing said');
  assert.ok(fast.edges.length > 40, `${fast.edges.length} edges`);
  assert.ok(fast.mcu.gpio[16].outputValue, 'the workload did not reach its end');
});
