// Runs a microworld's module in a JavaScript engine: node_run.mjs MODULE S I O LANES TICKS, as tools/world_engines.py
// tells.
import { readFileSync, writeFileSync } from "node:fs";

const RECORD = 16;
const [module, ...counts] = process.argv.slice(2);
const [s, i, o, lanes, ticks] = counts.map(Number);
const [held, given, made] = [lanes * s, lanes * ticks * i, lanes * ticks * o];
const bytes = readFileSync(0);
if (bytes.length !== 4 * (held + given)) process.exit(2);
const words = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const [states, inputs] = [words.subarray(0, held), words.subarray(held)];

const memory = new WebAssembly.Memory({ initial: 1 + Math.floor((RECORD + 4 * (held + given + made)) / 65536) });
const { instance } = await WebAssembly.instantiate(readFileSync(module), { env: { memory } });
const record = new Int32Array(memory.buffer, RECORD);

record.set(words);
instance.exports.run(lanes, ticks, RECORD, RECORD + 4 * held, RECORD + 4 * (held + given));
const said = new Int32Array(2 * (held + made));
said.set(record.subarray(0, held));
said.set(record.subarray(held + given, held + given + made), held);

const [after, steps] = [said.subarray(held + made, 2 * held + made), said.subarray(2 * held + made)];
for (let lane = 0; lane < lanes; lane++) {
  record.set(states.subarray(s * lane, s * (lane + 1)));
  for (let at = lane * ticks; at < (lane + 1) * ticks; at++) {
    record.set(inputs.subarray(i * at, i * (at + 1)), s);
    instance.exports.step();
    steps.set(record.subarray(s + i, s + i + o), o * at);
  }
  after.set(record.subarray(0, s), s * lane);
}
writeFileSync(1, new Uint8Array(said.buffer));
