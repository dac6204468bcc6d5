// How fast the emulated core is: instructions in a second of processor time, rp2040js's own core and core.mjs.
//
//   node speed.mjs IMAGE.uf2 BOOTROM.bin [FILESYSTEM.img]
//
// Boots the image (0.3 s of simulated time, not counted: V8 compiles), then lets it work for a second. Without a
// filesystem MicroPython makes one and waits: give it one with a main.py that is never idle.
import fs from 'node:fs';
import { makeRunner } from './core.mjs';
import { Flash, hookedBootRom } from './flash.mjs';
import { makeChip, makeReferenceRunner, runUntil } from './test/core_reference.mjs';

const [image, bootRom, filesystem] = process.argv.slice(2);
const BOOT_NS = 300e6;
const WORK_NS = 1e9;

function board() {
  const flash = new Flash(1);
  flash.load(fs.readFileSync(image), 0);
  if (filesystem) flash.load(fs.readFileSync(filesystem), 0xa0000);
  const mcu = makeChip(hookedBootRom(fs.readFileSync(bootRom)));
  mcu.flash.set(flash.bytes);
  mcu.core.PC = 0x10000000;
  return mcu;
}

function secondsOfWork(make) {
  const mcu = board();
  const run = make(mcu);
  runUntil(mcu, run, BOOT_NS);
  const [instructions, cycles, begun] = [run.instructions, mcu.core.cycles, process.cpuUsage()];
  runUntil(mcu, run, BOOT_NS + WORK_NS);
  const seconds = process.cpuUsage(begun).user / 1e6;
  return { seconds, instructions: run.instructions - instructions, cycles: mcu.core.cycles - cycles };
}

const upstream = secondsOfWork(makeReferenceRunner);
const ours = secondsOfWork(makeRunner);
if (upstream.cycles !== ours.cycles) throw new Error(`cycles differ: ${upstream.cycles} and ${ours.cycles}`);
const line = (name, seconds) =>
  `${name}: ${(upstream.instructions / seconds / 1e6).toFixed(0)} million instructions in a second, ` +
  `${(WORK_NS / 1e9 / seconds).toFixed(2)} times real time (${seconds.toFixed(2)} s for 1 s)`;
console.log(line('rp2040js', upstream.seconds));
console.log(line('core.mjs', ours.seconds));
console.log(`${(upstream.seconds / ours.seconds).toFixed(1)} times as fast`);
