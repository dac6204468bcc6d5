// The emulator's chips without an RP2040: what a Linux system has on its buses, for tests/emulator/pi_kit.py.
//
// The first line of the input is the chip's literal, each further one {"do": ..., ...}; each is answered by a line: what
// was asked for and, whatever it was, what has come in at the serial port and every edge of a pin since.
import readline from 'node:readline';
import { attach } from '../../tools/emulator/chips.mjs';
import { I2cBus } from '../../tools/emulator/i2c.mjs';
import { Pads } from '../../tools/emulator/pads.mjs';
import { Wire } from '../../tools/emulator/uart.mjs';
import { World } from '../../tools/emulator/world.mjs';

const CLOCK_HZ = 16_000_000;
const TIMED_OUT = 110;
const REMOTE_IO = 121;

const world = new World();
const edges = [];
const pads = new Pads({}, (pin, level) => edges.push([world.now, pin, level]));
const came = [];
const buses = new Map();
const chips = []; // on SPI
const listeners = [];
const port = { enabled: true, rxEnabled: true, wordLength: 8, lineCtrlRegister: 0, rp2040: { clkPeri: CLOCK_HZ } };
const ours = Object.assign(Object.create(port), { feedByte: (byte) => came.push(byte) });
const theirs = Object.assign(Object.create(port), { feedByte: (byte) => listeners.forEach((hear) => hear(byte, port)) });
const [fromChip, toChip] = [new Wire(world), new Wire(world)];
fromChip.attach(ours);
toChip.attach(theirs);

const board = {
  world,
  pads,
  i2c: (number) => buses.get(number) ?? buses.set(number, new I2cBus(pads)).get(number),
  spi: () => ({ connect: (chip) => chips.push(chip) }),
  send: (_, bytes) => fromChip.send(bytes),
  listen: (_, listener) => listeners.push(listener),
};

/** As Linux does it: an error's number, or what was read. */
function i2c({ bus, address, write, read }) {
  if (board.i2c(bus).held) return { error: TIMED_OUT };
  const chip = board.i2c(bus).at(address);
  if (chip === null) return { error: REMOTE_IO };
  chip.start(false);
  for (const byte of write) chip.write(byte);
  if (read) chip.start(true);
  const data = Array.from({ length: read }, () => chip.read());
  chip.stop();
  return { data };
}

function spi({ write }) {
  const [chip] = chips;
  chip.select();
  const data = write.map((byte) => chip.exchange(byte));
  chip.deselect();
  return { data };
}

const DO = {
  run: ({ ns }) => (world.clock.tick(ns), {}),
  baud: ({ baud }) => ((port.baudDivider = CLOCK_HZ / 16 / baud), {}),
  pull: ({ pin, level }) => (pads.pull(pin, level), {}),
  i2c,
  spi,
  send: ({ write }) => (toChip.send(write), {}),
  tell: ({ changes }) => ({ told: chip.tell(changes) }),
};

let chip = null;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const answer = chip === null ? {} : DO[asked.do](asked);
  if (chip === null) [chip] = attach(board, [asked], () => {});
  const now = { now: world.now, came: came.splice(0), edges: edges.splice(0) };
  process.stdout.write(`${JSON.stringify({ ...answer, ...now })}\n`);
}
