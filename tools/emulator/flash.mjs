// The flash chip: what is in it, how it is erased and programmed, and how that is interrupted when the power goes.
//
// Mends rp2040js: its flash cannot be programmed. The boot ROM's documented entry points (RP2040 datasheet 2.8.3.1.3)
// become breakpoints, which this module serves with NOR semantics and the times of the Pico's W25Q16JV.
import fs from 'node:fs';
import { random } from './random.mjs';

export const FLASH_BYTES = 2 * 1024 * 1024;
const SECTOR = 4096;
const PAGE = 256;
const SECTOR_NS = 45e6; // W25Q16JV datasheet rev. H, table 9.6: typical
const PAGE_NS = 0.4e6;
const XIP = 0x10000000;
const UF2_MAGIC = 0x0a324655;
const UF2_FAMILY = 0xe48bff56;
const BX_LR = 0x4770;
export const ERASE = 0xe1;
export const PROGRAM = 0xe2;
export const BOOTSEL = 0xe3;

/** The power went in the middle of a flash operation. */
export class PowerCut extends Error {}

export class Flash {
  bytes = new Uint8Array(16 * 1024 * 1024).fill(0xff); // the address space; the chip has the first FLASH_BYTES
  operations = []; // ["erase" | "program", offset, bytes], the last LOG_LENGTH of them
  pages = []; // with each of them: what was to be programmed, base64; null: a sector was erased
  count = 0;
  #file = null;
  #cut = null;
  #random;

  constructor(seed) {
    this.#random = random(seed);
  }

  /** Keep the flash in `file` too: taken from there if it exists, and every change written there at once. */
  persist(file) {
    if (fs.existsSync(file)) {
      const kept = fs.readFileSync(file);
      if (kept.length !== FLASH_BYTES) throw new Error(`${file}: ${kept.length} bytes, a flash has ${FLASH_BYTES}`);
      this.bytes.set(kept);
    } else fs.writeFileSync(file, this.bytes.subarray(0, FLASH_BYTES));
    this.#file = fs.openSync(file, 'r+');
  }

  /** Put an image (UF2 of the RP2040's family, or raw) at `offset`. */
  load(image, offset) {
    if (image.length >= 512 && image.readUInt32LE(0) === UF2_MAGIC) {
      for (let at = 0; at + 512 <= image.length; at += 512) {
        if (image.readUInt32LE(at + 28) !== UF2_FAMILY) continue; // the block that works round erratum RP2350-E10
        const length = image.readUInt32LE(at + 16);
        this.#put(image.subarray(at + 32, at + 32 + length), image.readUInt32LE(at + 12) - XIP);
      }
    } else this.#put(image, offset);
  }

  #put(bytes, offset) {
    if (offset < 0 || offset + bytes.length > FLASH_BYTES) {
      throw new Error(`image reaches 0x${(offset + bytes.length).toString(16)}: the flash has ${FLASH_BYTES} bytes`);
    }
    this.bytes.set(bytes, offset);
  }

  /** Cut the power at the `operation`-th operation from now (1: the next): before, during or after it. */
  cutAt(operation, when) {
    if (!Number.isInteger(operation) || operation < 1) throw new RangeError('cut: operation counts from 1');
    if (!['before', 'during', 'after'].includes(when)) throw new RangeError('cut: before, during or after');
    this.#cut = { at: this.count + operation, when };
  }

  /** Serve the ROM's erase: a generator of the time each sector takes. Throws PowerCut. */
  *erase(offset, length) {
    for (let at = offset; at < offset + length; at += SECTOR) {
      yield* this.#operate('erase', at, SECTOR, SECTOR_NS, () => 0xff, null);
    }
  }

  /** Serve the ROM's program: source is what to program. A generator as `erase` is. */
  *program(offset, source) {
    for (let at = 0; at < source.length; at += PAGE) {
      const page = source.subarray(at, at + PAGE);
      yield* this.#operate('program', offset + at, page.length, PAGE_NS, (old, index) => old & page[index], page);
    }
  }

  *#operate(kind, offset, length, ns, after, page) {
    this.count++;
    this.operations.push([kind, offset, length]);
    this.pages.push(page && Buffer.from(page).toString('base64'));
    if (this.operations.length > 10000) {
      this.operations.shift();
      this.pages.shift();
    }
    const cut = this.#cut?.at === this.count ? this.#cut.when : null;
    if (cut === 'before') this.#fail(kind, offset, cut);
    if (cut === 'during') yield ns / 2;
    else yield ns;
    if (offset + length <= FLASH_BYTES) {
      for (let index = 0; index < length; index++) {
        const old = this.bytes[offset + index];
        const wanted = after(old, index);
        // Half-way each bit has either changed or not.
        const done = cut === 'during' ? this.#random() & 0xff : 0xff;
        this.bytes[offset + index] = old ^ ((old ^ wanted) & done);
      }
      if (this.#file !== null) fs.writeSync(this.#file, this.bytes, offset, length, offset);
    }
    if (cut) this.#fail(kind, offset, cut);
  }

  #fail(kind, offset, when) {
    this.#cut = null;
    throw new PowerCut(`power cut ${when} flash ${kind} at 0x${offset.toString(16)} (operation ${this.count})`);
  }
}

/** The boot ROM with its flash entry points made into breakpoints. Throws if it is not the RP2040's. */
export function hookedBootRom(bytes, { hooked = true } = {}) {
  const words = new Uint32Array(4096);
  if (bytes.length !== 16384) throw new Error(`the boot ROM has 16384 bytes, not ${bytes.length}`);
  new Uint8Array(words.buffer).set(bytes);
  const view = new DataView(words.buffer);
  const functions = {};
  for (let at = view.getUint16(0x14, true); view.getUint16(at, true); at += 4) {
    functions[String.fromCharCode(view.getUint8(at), view.getUint8(at + 1))] = view.getUint16(at + 2, true) & ~1;
  }
  const breakpoint = (name, code) => {
    view.setUint16(functions[name], 0xbe00 | code, true);
    view.setUint16(functions[name] + 2, BX_LR, true);
  };
  for (const name of ['IF', 'EX', 'FC', 'CX']) view.setUint16(functions[name], BX_LR, true);
  if (hooked) {
    breakpoint('RE', ERASE);
    breakpoint('RP', PROGRAM);
  } else for (const name of ['RE', 'RP']) view.setUint16(functions[name], BX_LR, true);
  breakpoint('UB', BOOTSEL);
  return words;
}
