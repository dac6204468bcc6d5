// Semtech SX1276 in LoRa mode over SPI (datasheet rev. 7, chapters 4.1 and 6.4): registers, FIFO, sending with its true
// time on air, receiving, and DIO0. What it sends can come back from a loopback peer.
//
// Literal: {"chip": "sx1276", "bus": 0, "select": 17, "reset": 20, "dio0": 21, "echo_ns": null}: with echo_ns, a peer sends
// each packet back so long after its end. tell: {"receive": hex} lets a packet arrive; {"silent": true}: its answers read as
// all ones, and it takes nothing; the answer has "sent" [[ns, hex], ...].

const FIFO = 0x00;
const MODE = 0x01;
const POINTER = 0x0d;
const TX_BASE = 0x0e;
const RX_BASE = 0x0f;
const RX_CURRENT = 0x10;
const FLAGS = 0x12;
const RX_BYTES = 0x13;
const LENGTH = 0x22;
const DIO_MAPPING = 0x40;
const VERSION = 0x42;
const RX_DONE = 0x40;
const TX_DONE = 0x08;
const CAD_DONE = 0x04;
const STANDBY = 1;
const SEND = 3;
const RECEIVE = 5;
const RECEIVE_ONE = 6;
const DETECT = 7;
const BANDWIDTHS_HZ = [7800, 10400, 15600, 20800, 31250, 41700, 62500, 125000, 250000, 500000];
const AT_RESET = [
  [MODE, 0x09],
  [0x06, 0x6c],
  [0x07, 0x80],
  [0x09, 0x4f],
  [TX_BASE, 0x80],
  [0x1d, 0x72],
  [0x1e, 0x70],
  [0x1f, 0x64],
  [0x21, 0x08],
  [LENGTH, 0x01],
  [VERSION, 0x12],
];

export class Sx1276 {
  #is;
  #pads;
  #world;
  #registers = new Uint8Array(128);
  #fifo = new Uint8Array(256);
  #address = -1;
  #writing = false;
  #sending;
  #detecting;
  #echo;
  #sent = [];

  constructor(literal, board) {
    this.#is = { bus: 0, select: 17, reset: 20, dio0: 21, echo_ns: null, ...literal };
    this.#pads = board.pads;
    this.#world = board.world;
    this.#sending = board.world.alarm(() => this.#done());
    this.#detecting = board.world.alarm(() => this.#finish(CAD_DONE));
    this.#echo = board.world.alarm(() => this.#arrive(Buffer.from(this.#sent.at(-1)[1], 'hex')));
    this.powerOn();
    board.spi(this.#is.bus).connect(this, this.#is.select);
    this.#pads.watch(this.#is.reset, (level) => level || this.powerOn());
  }

  powerOn() {
    this.#registers.fill(0);
    for (const [register, value] of AT_RESET) this.#registers[register] = value;
    this.#sending.cancel();
    this.#detecting.cancel();
    this.#signal();
  }

  select() {
    this.#address = -1;
  }

  deselect() {}

  exchange(byte) {
    byte &= 0xff;
    if (this.#is.silent) return 0xff;
    if (this.#address < 0) {
      this.#writing = !!(byte & 0x80);
      this.#address = byte & 0x7f;
      return 0;
    }
    const at = this.#address;
    if (at !== FIFO) this.#address = (at + 1) & 0x7f;
    const before = at === FIFO ? this.#fifo[this.#registers[POINTER]] : this.#registers[at];
    if (this.#writing) this.#write(at, byte);
    else if (at === FIFO) this.#registers[POINTER]++;
    return before;
  }

  #write(at, byte) {
    if (at === FIFO) this.#fifo[this.#registers[POINTER]++] = byte;
    else if (at === FLAGS) this.#registers[FLAGS] &= ~byte;
    else if (at !== VERSION && at !== RX_CURRENT && at !== RX_BYTES) this.#registers[at] = byte;
    if (at === MODE) this.#enter(byte & 7);
    this.#signal();
  }

  #enter(mode) {
    this.#sending.cancel();
    this.#detecting.cancel();
    if (mode === SEND) this.#sending.schedule(this.#airNs(this.#registers[LENGTH]));
    if (mode === DETECT) this.#detecting.schedule(2 * this.#symbolNs);
    if (mode === RECEIVE || mode === RECEIVE_ONE) this.#registers[RX_CURRENT] = this.#registers[RX_BASE];
  }

  #done() {
    const base = this.#registers[TX_BASE];
    const bytes = Array.from({ length: this.#registers[LENGTH] }, (_, index) => this.#fifo[(base + index) & 0xff]);
    this.#sent.push([this.#world.now, Buffer.from(bytes).toString('hex')]);
    this.#finish(TX_DONE);
    if (this.#is.echo_ns !== null) this.#echo.schedule(this.#is.echo_ns + this.#airNs(bytes.length));
  }

  #arrive(packet) {
    const mode = this.#registers[MODE] & 7;
    if (mode !== RECEIVE && mode !== RECEIVE_ONE) return; // nobody listens
    const base = this.#registers[RX_BASE];
    packet.forEach((byte, index) => (this.#fifo[(base + index) & 0xff] = byte));
    this.#registers[RX_CURRENT] = base;
    this.#registers[RX_BYTES] = packet.length;
    this.#registers[0x19] = 36; // SNR 9 dB
    this.#registers[0x1a] = 97; // RSSI -60 dBm above 862 MHz
    this.#registers[FLAGS] |= 0x10;
    if (mode === RECEIVE_ONE) this.#finish(RX_DONE);
    else this.#registers[FLAGS] |= RX_DONE;
    this.#signal();
  }

  #finish(flag) {
    this.#registers[FLAGS] |= flag;
    this.#registers[MODE] = (this.#registers[MODE] & 0xf8) | STANDBY;
    this.#signal();
  }

  #signal() {
    const flag = [RX_DONE, TX_DONE, CAD_DONE, 0][this.#registers[DIO_MAPPING] >> 6];
    this.#pads.drive(this.#is.dio0, this.#registers[FLAGS] & flag ? 1 : 0);
  }

  get #symbolNs() {
    const bandwidth = BANDWIDTHS_HZ[this.#registers[0x1d] >> 4] ?? 125000;
    return (2 ** (this.#registers[0x1e] >> 4) * 1e9) / bandwidth;
  }

  /** Semtech AN1200.13, chapter 4. */
  #airNs(length) {
    const spreading = this.#registers[0x1e] >> 4;
    const coding = (this.#registers[0x1d] >> 1) & 7;
    const [implicit, crc] = [this.#registers[0x1d] & 1, (this.#registers[0x1e] >> 2) & 1];
    const slow = (this.#registers[0x26] >> 3) & 1;
    const preamble = ((this.#registers[0x20] << 8) | this.#registers[0x21]) + 4.25;
    const bits = 8 * length - 4 * spreading + 28 + 16 * crc - 20 * implicit;
    const payload = 8 + Math.max(Math.ceil(bits / (4 * (spreading - 2 * slow))) * (coding + 4), 0);
    return (preamble + payload) * this.#symbolNs;
  }

  tell({ receive, silent }) {
    if (silent !== undefined) this.#is.silent = silent;
    if (receive !== undefined) this.#arrive(Buffer.from(receive, 'hex'));
    return { sent: this.#sent };
  }
}
