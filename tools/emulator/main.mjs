// The emulated RP2040 board as a process: options on the command line, requests on an inherited file descriptor.
//
//   node main.mjs --bootrom FILE --image FILE --control FD [--filesystem FILE --filesystem-at N] [--flash FILE]
//     [--pty PORT=FD]... [--speed S | --stepped] [--pulls JSON] [--devices JSON] [--seed N] [--without MEND]...
import fs from 'node:fs';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { Board } from './board.mjs';
import { attach } from './chips.mjs';
import { serve } from './control.mjs';
import { Events } from './events.mjs';
import { runForever, runUntil } from './pace.mjs';
import { Pty } from './ports.mjs';

const { values: options } = parseArgs({
  options: {
    bootrom: { type: 'string' },
    image: { type: 'string' },
    control: { type: 'string' },
    filesystem: { type: 'string' },
    'filesystem-at': { type: 'string', default: '0' },
    flash: { type: 'string' },
    pty: { type: 'string', multiple: true, default: [] },
    stepped: { type: 'boolean', default: false },
    speed: { type: 'string', default: '1' },
    pulls: { type: 'string', default: '{}' },
    devices: { type: 'string', default: '[]' },
    seed: { type: 'string', default: '1' },
    without: { type: 'string', multiple: true, default: [] },
    verbose: { type: 'boolean', default: false },
  },
});

const MOST_LINES = 10_000;
let lines = 0;
function log(text) {
  const seconds = ((board?.world.now ?? 0) / 1e9).toFixed(6);
  if (lines++ < MOST_LINES) process.stderr.write(`[${seconds} s] ${text}\n`);
}
const upstreamLog = (level) => (component, text) => log(`${level} ${component}: ${text}`);
const logger = {
  debug() {},
  info() {},
  warn: options.verbose ? upstreamLog('warning') : () => {},
  error: upstreamLog('error'),
};

let board = null;
const events = new Events();
const ptys = new Map();
let until = new Set();

// The stream keeps the process alive; when the one who started it is gone, so are we.
const control = new net.Socket({ fd: Number(options.control), readable: true, writable: true });
control.on('close', () => process.exit(0));
control.on('error', () => process.exit(0));
let devices;
try {
  devices = assemble();
} catch (error) {
  log(error.stack);
  control.end(`${JSON.stringify({ id: 0, error: error.message })}\n`);
  await new Promise(() => {}); // until the channel is closed
}
const look = () => ptys.forEach((pty) => pty.look());

const figures = () => ({
  now: board.world.now,
  powered: board.powered,
  resets: board.resets,
  busy: board.busyNs,
  flash_operations: board.flash.count,
});

const requests = {
  async run({ ns, until: wanted = [] }) {
    if (!options.stepped) throw new Error('run: this board runs by itself; start it stepped (speed None) to step it');
    if (!Number.isInteger(ns) || ns < 0) throw new Error('run: ns is a whole number of nanoseconds');
    until = new Set(wanted);
    try {
      await runUntil(board, board.world.now + ns);
    } finally {
      until = new Set();
    }
    look();
    return { ...figures(), ...events.take() };
  },
  take: () => ({ ...figures(), ...events.take() }),
  write({ port, data }) {
    if (ptys.has(port)) throw new Error(`write: ${port} is on a pseudo-terminal; open that`);
    board.send(port, Buffer.from(data, 'base64'));
  },
  drive: ({ pin, level }) => board.pads.drive(pin, level),
  level: ({ pin }) => ({ level: board.pads.level(pin), driven: board.pads.driven(pin) }),
  adc: ({ channel, wave }) => board.adc(channel, wave),
  tell({ device, message }) {
    if (!devices[device]) throw new Error(`tell: there is no device ${device}`);
    return { answer: devices[device].tell?.(message) ?? {} };
  },
  power({ what }) {
    const actions = { on: 'powerOn', off: 'powerOff', reset: 'reset', brown_out: 'brownOut' };
    if (!(what in actions)) throw new Error(`power: ${what} is none of ${Object.keys(actions).join(', ')}`);
    board[actions[what]]();
    return figures();
  },
  cut: ({ operation, when }) => board.flash.cutAt(operation, when),
  flash: () => ({ flash: Buffer.from(board.flash.bytes.subarray(0, 2 * 1024 * 1024)).toString('base64') }),
  operations: () => ({ operations: board.flash.operations }),
  pages: () => ({ pages: board.flash.pages }),
};

serve(control, (request) => {
  if (!Object.hasOwn(requests, request.do)) {
    throw new Error(`${JSON.stringify(request.do)} is none of ${Object.keys(requests).join(', ')}`);
  }
  return requests[request.do](request);
});
board.powerOn();
control.write(`${JSON.stringify({ id: 0, ok: true, ...figures() })}\n`);
if (!options.stepped) await runForever(board, Number(options.speed), look);

/** The board with what is in its flash and around it, without power; its device models. */
function assemble() {
  board = new Board({
    rom: fs.readFileSync(options.bootrom),
    seed: Number(options.seed),
    pulls: JSON.parse(options.pulls),
    without: options.without,
    log,
    logger,
    onEdge(now, pin, level, driven) {
      events.edge(now, pin, level, driven);
      if (until.has('edge')) board.stop();
    },
    onSent(port, now, bytes) {
      if (ptys.has(port)) ptys.get(port).sent(bytes);
      else events.sent(port, now, bytes);
      if (port === 'usb' && until.has('usb')) board.stop();
    },
    onIdle(port) {
      events.idle(port);
      if (until.has(port)) board.stop();
    },
  });
  board.aired = () => until.has('air') && board.stop();
  if (options.flash && fs.existsSync(options.flash)) board.flash.persist(options.flash);
  else {
    board.flash.load(fs.readFileSync(options.image), 0);
    if (options.filesystem) board.flash.load(fs.readFileSync(options.filesystem), Number(options['filesystem-at']));
    if (options.flash) board.flash.persist(options.flash);
  }
  for (const option of options.pty) {
    const [port, fd] = option.split('=');
    ptys.set(port, new Pty(board, port, Number(fd), () => {}));
  }
  return attach(board, JSON.parse(options.devices), log);
}
