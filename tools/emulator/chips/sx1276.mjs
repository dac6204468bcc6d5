// Semtech SX1276 in LoRa mode over SPI (datasheet rev. 7, chapters 4.1 and 6.4): registers, FIFO, sending with its true time
// on air, receiving (continuous, and single with its symbol time-out), channel activity detection, and DIO0.
//
// Literal: {"chip": "sx1276", "bus": 0, "select": 17, "reset": 20, "dio0": 21, "echo_ns": null, "air": false}: with echo_ns, a
// peer sends each packet back so long after its end; with air, others play the air (tools/air_join.py): what happens at the
// antenna they judge, and tell. tell: {"air": true} asks for what the chip has begun since: [[ns, {"receive": [kHz, kHz of
// bandwidth, SF]} | {"cad": [...]} | {"send": hex, "khz", "bw", "sf", "dbm", "preamble"} | {"standby": 1}], ...];
// {"cad": bool} what its detection found; {"locked": true} it has found a preamble; {"heard": {"data": hex, "good", "crc",
// "rssi", "snr_qdb"}} a packet has ended; {"receive": hex} one arrives whole. Faults: {"line": "ones" | "zeros" | null} what
// its answers read as, and it takes nothing; {"mute": true} nothing that it begins ends; {"worn": register} that keeps its
// value; {"version": n}; {"wakes_ns": n} after a reset; {"reset": true} its supply goes for a moment. The answer has "sent" [[ns, hex], ...], "registers".

const FIFO = 0x00;
const MODE = 0x01;
const FREQUENCY = 0x06;
const POWER = 0x09;
const POINTER = 0x0d;
const TX_BASE = 0x0e;
const RX_BASE = 0x0f;
const RX_CURRENT = 0x10;
const FLAGS = 0x12;
const RX_BYTES = 0x13;
const MODEM = 0x18;
const SNR = 0x19;
const RSSI = 0x1a;
const HOP = 0x1c;
const LENGTH = 0x22;
const DIO_MAPPING = 0x40;
const VERSION = 0x42;
const BOOST = 0x4d;
const TOLD = new Set([RX_CURRENT, RX_BYTES, 0x14, 0x15, 0x16, 0x17, MODEM, SNR, RSSI, 0x1b, HOP, 0x25, VERSION]);
const RX_TIMEOUT = 0x80;
const RX_DONE = 0x40;
const BAD_CRC = 0x20;
const VALID_HEADER = 0x10;
const TX_DONE = 0x08;
const CAD_DONE = 0x04;
const CAD_DETECTED = 0x01;
const LORA = 0x80;
const SLEEP = 0;
const STANDBY = 1;
const SEND = 3;
const RECEIVE = 5;
const RECEIVE_ONE = 6;
const DETECT = 7;
const DETECT_SYMBOLS = 2.2; // after which it has found nothing, if nobody has told before
const WAKES_NS = 5e6; // after reset
const FAULTLESS = { version: 0x12, wakes_ns: WAKES_NS };
const LINES = { ones: 0xff, zeros: 0x00 };
const BANDWIDTHS_HZ = [7800, 10400, 15600, 20800, 31250, 41700, 62500, 125000, 250000, 500000];
const AT_RESET = [
  [MODE, 0x09],
  [FREQUENCY, 0x6c],
  [0x07, 0x80],
  [POWER, 0x4f],
  [0x0a, 0x09],
  [0x0b, 0x2b],
  [0x0c, 0x20],
  [TX_BASE, 0x80],
  [0x1d, 0x72],
  [0x1e, 0x70],
  [0x1f, 0x64],
  [0x21, 0x08],
  [LENGTH, 0x01],
  [0x23, 0xff],
  [0x26, 0x04],
  [0x2f, 0x20],
  [0x31, 0xc3],
  [0x33, 0x27],
  [0x36, 0x03],
  [0x37, 0x0a],
  [0x39, 0x12],
  [0x3b, 0x1d],
  [BOOST, 0x84],
];

export class Sx1276 {
  #is;
  #pads;
  #world;
  #began; // tells the board that something began at the antenna
  #registers = new Uint8Array(128);
  #fifo = new Uint8Array(256);
  #address = -1;
  #writing = false;
  #awake = 0; // ns
  #busy = false; // at the antenna
  #ending;
  #echo;
  #sent = [];
  #air = [];

  constructor(literal, board) {
    this.#is = { bus: 0, select: 17, reset: 20, dio0: 21, echo_ns: null, air: false, line: null, ...FAULTLESS, ...literal };
    this.#pads = board.pads;
    this.#world = board.world;
    this.#began = () => board.aired?.();
    this.#ending = board.world.alarm(() => this.#end());
    this.#echo = board.world.alarm(() => this.#arrive({ data: this.#sent.at(-1)[1] }));
    this.#pads.pull(this.#is.reset, 1);
    this.powerOn();
    board.spi(this.#is.bus).connect(this, this.#is.select);
    this.#pads.watch(this.#is.reset, (level) => level || this.powerOn());
  }

  powerOn() {
    this.#leave();
    this.#registers.fill(0);
    for (const [register, value] of AT_RESET) this.#registers[register] = value;
    this.#awake = this.#world.now + this.#is.wakes_ns;
    this.#signal();
  }

  select() {
    this.#address = -1;
  }

  deselect() {}

  exchange(byte) {
    byte &= 0xff;
    if (this.#is.line) return LINES[this.#is.line];
    if (this.#world.now < this.#awake || !this.#pads.level(this.#is.reset)) return 0xff;
    if (this.#address < 0) {
      this.#writing = !!(byte & 0x80);
      this.#address = byte & 0x7f;
      return 0;
    }
    const at = this.#address;
    if (at !== FIFO) this.#address = (at + 1) & 0x7f;
    const before = at === FIFO ? this.#fifo[this.#registers[POINTER]] : this.#register(at);
    if (this.#writing) this.#write(at, byte);
    else if (at === FIFO) this.#registers[POINTER]++;
    return before;
  }

  #register(at) {
    return at === VERSION ? this.#is.version : this.#registers[at];
  }

  #write(at, byte) {
    if (at === FIFO) this.#fifo[this.#registers[POINTER]++] = byte;
    else if (at === FLAGS) this.#registers[FLAGS] &= ~byte;
    else if (at === MODE) this.#enter(byte);
    else if (!TOLD.has(at) && at !== this.#is.worn) this.#registers[at] = byte;
    this.#signal();
  }

  #enter(byte) {
    const [before, mode] = [this.#registers[MODE], byte & 7];
    const asleep = (before & 7) === SLEEP; // LoRa can be chosen only there
    this.#registers[MODE] = asleep ? byte : (byte & ~LORA) | (before & LORA);
    this.#leave();
    if (!(this.#registers[MODE] & LORA)) return;
    if (mode === SEND) this.#send();
    else if (mode === DETECT) this.#begin({ cad: this.#settings }, DETECT_SYMBOLS * this.#symbolNs);
    else if (mode === RECEIVE || mode === RECEIVE_ONE) {
      this.#registers[RX_CURRENT] = this.#registers[RX_BASE];
      const symbols = ((this.#registers[0x1e] & 3) << 8) | this.#registers[0x1f];
      this.#begin({ receive: this.#settings }, mode === RECEIVE_ONE ? symbols * this.#symbolNs : null);
    }
  }

  /** What went on at the antenna, if anything, is broken off. */
  #leave() {
    this.#ending.cancel();
    this.#registers[MODEM] = 0;
    if (this.#busy) this.#begin({ standby: 1 }, null);
    this.#busy = false;
  }

  #begin(what, ns) {
    this.#busy = true;
    if (ns !== null && !this.#is.mute) this.#ending.schedule(ns);
    if (!this.#is.air) return;
    this.#air.push([this.#world.now, what]);
    this.#began();
  }

  get #settings() {
    const [high, middle, low] = this.#registers.subarray(FREQUENCY, FREQUENCY + 3);
    const khz = Math.round((((high << 16) | (middle << 8) | low) * 125) / 2048);
    return [khz, this.#bandwidthHz / 1000, this.#spreading];
  }

  #send() {
    const [khz, bw, sf] = this.#settings;
    const preamble = (this.#registers[0x20] << 8) | this.#registers[0x21];
    this.#begin({ send: this.#packet(), khz, bw, sf, dbm: this.#dbm, preamble }, this.#airNs(this.#registers[LENGTH]));
  }

  /** As programmed at PA_BOOST (5.4.2, 5.4.3); at RFO with its largest maximum. */
  get #dbm() {
    const power = this.#registers[POWER] & 0x0f;
    if (!(this.#registers[POWER] & 0x80)) return power;
    return power + (this.#registers[BOOST] === 0x87 ? 5 : 2);
  }

  #packet() {
    const base = this.#registers[TX_BASE];
    const bytes = Array.from({ length: this.#registers[LENGTH] }, (_, index) => this.#fifo[(base + index) & 0xff]);
    return Buffer.from(bytes).toString('hex');
  }

  #end() {
    const mode = this.#registers[MODE] & 7;
    if (mode === RECEIVE_ONE) this.#finish(RX_TIMEOUT);
    else if (mode === DETECT) this.#finish(CAD_DONE);
    else if (mode === SEND) {
      this.#sent.push([this.#world.now, this.#packet()]);
      this.#finish(TX_DONE);
      if (this.#is.echo_ns !== null) this.#echo.schedule(this.#is.echo_ns + this.#airNs(this.#registers[LENGTH]));
    }
  }

  #found(detected) {
    if ((this.#registers[MODE] & 7) === DETECT && !this.#is.mute) this.#finish(CAD_DONE | (detected ? CAD_DETECTED : 0));
  }

  #lock() {
    if (!this.#hears) return;
    this.#ending.cancel();
    this.#registers[MODEM] = 0x07; // reception goes on, synchronised, detected
  }

  get #hears() {
    const mode = this.#registers[MODE] & 7;
    return mode === RECEIVE || mode === RECEIVE_ONE;
  }

  #arrive({ data, good = true, crc = true, rssi = -60, snr_qdb = 36 }) {
    if (!this.#hears || this.#is.mute) return;
    const packet = Buffer.from(data, 'hex');
    const base = this.#registers[RX_BASE];
    packet.forEach((byte, index) => (this.#fifo[(base + index) & 0xff] = byte));
    this.#registers[RX_CURRENT] = base;
    this.#registers[RX_BYTES] = packet.length;
    this.#registers[SNR] = snr_qdb;
    // 5.5.5, above 779 MHz
    const steps = snr_qdb >= 0 ? ((rssi + 157) * 15) / 16 : rssi + 157 - snr_qdb / 4;
    this.#registers[RSSI] = Math.max(0, Math.min(255, Math.round(steps)));
    this.#registers[HOP] = crc ? 0x40 : 0;
    this.#registers[MODEM] = 0x04;
    const flags = RX_DONE | VALID_HEADER | (crc && !good ? BAD_CRC : 0);
    if ((this.#registers[MODE] & 7) === RECEIVE_ONE) this.#finish(flags);
    else this.#registers[FLAGS] |= flags;
    this.#signal();
  }

  #finish(flag) {
    this.#registers[FLAGS] |= flag;
    this.#registers[MODE] = (this.#registers[MODE] & 0xf8) | STANDBY;
    this.#leave();
    this.#signal();
  }

  #signal() {
    const flag = [RX_DONE, TX_DONE, CAD_DONE, 0][this.#registers[DIO_MAPPING] >> 6];
    this.#pads.drive(this.#is.dio0, this.#registers[FLAGS] & flag ? 1 : 0);
  }

  get #spreading() {
    return this.#registers[0x1e] >> 4;
  }

  get #bandwidthHz() {
    return BANDWIDTHS_HZ[this.#registers[0x1d] >> 4] ?? 125000;
  }

  get #symbolNs() {
    return (2 ** this.#spreading * 1e9) / this.#bandwidthHz;
  }

  /** Semtech AN1200.13, chapter 4. */
  #airNs(length) {
    const spreading = this.#spreading;
    const coding = (this.#registers[0x1d] >> 1) & 7;
    const [implicit, crc] = [this.#registers[0x1d] & 1, (this.#registers[0x1e] >> 2) & 1];
    const slow = (this.#registers[0x26] >> 3) & 1;
    const preamble = ((this.#registers[0x20] << 8) | this.#registers[0x21]) + 4.25;
    const bits = 8 * length - 4 * spreading + 28 + 16 * crc - 20 * implicit;
    const payload = 8 + Math.max(Math.ceil(bits / (4 * (spreading - 2 * slow))) * (coding + 4), 0);
    return (preamble + payload) * this.#symbolNs;
  }

  tell({ air, cad, locked, heard, receive, reset, ...changes }) {
    Object.assign(this.#is, changes);
    if (reset) this.powerOn();
    if (cad !== undefined) this.#found(cad);
    if (locked) this.#lock();
    if (heard !== undefined) this.#arrive(heard);
    if (receive !== undefined) this.#arrive({ data: receive });
    if (air) return { air: this.#air.splice(0) };
    return { sent: this.#sent, registers: Buffer.from(this.#registers).toString('hex') };
  }
}
