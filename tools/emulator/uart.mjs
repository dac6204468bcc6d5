// The UARTs, as the PL011 of the RP2040 has them (datasheet 4.2), and the wire that leads to each.
//
// Mends rp2040js: the transmit interrupt never clears, bytes leave in no time, the receive interrupt comes with each
// byte instead of at the FIFO's level or after 32 bits of silence, and a full FIFO loses bytes without a trace.

const RECEIVE = 1 << 4;
const TRANSMIT = 1 << 5;
const TIMEOUT = 1 << 6;
const OVERRUN = 1 << 10;
const RECEIVE_LEVELS = [4, 8, 16, 24, 28];
const TRANSMIT_LEVELS = [4, 8, 16, 24, 28];
const DR = 0x00;
const FR = 0x18;
const IFLS = 0x34;
const IMSC = 0x38;
const ICR = 0x44;
const DMACR = 0x48;
const DEFAULT_BAUD = 115200;

/** Time of one character on the wire, as the UART is programmed; at 115200 8N1 while it is not. */
export function characterNs(uart) {
  return bitsOf(uart) * bitNs(uart);
}

function bitNs(uart) {
  const divider = uart?.baudDivider;
  return divider ? (16 * divider * 1e9) / uart.rp2040.clkPeri : 1e9 / DEFAULT_BAUD;
}

function bitsOf(uart) {
  if (!uart?.baudDivider) return 10;
  const line = uart.lineCtrlRegister;
  return 1 + uart.wordLength + (line & 2 ? 1 : 0) + (line & 8 ? 2 : 1);
}

/** Replace both directions of one of rp2040js' UARTs. Sent bytes go to uart.onByte when their last bit is out. */
export function mendUart(uart, log) {
  const { clock, dma } = uart.rp2040;
  const upstreamRead = uart.readUint32.bind(uart);
  const upstreamWrite = uart.writeUint32.bind(uart);
  const queue = [];
  let shifting = null;
  let levels = 0x12;
  let dmaControl = 0;
  let lost = 0;

  const depth = () => (uart.fifosEnabled ? 32 : 1);
  const level = (table, at) => (uart.fifosEnabled ? (table[(levels >> at) & 7] ?? 16) : null);
  const receiveLevel = () => level(RECEIVE_LEVELS, 3) ?? 1;
  const transmitLevel = () => level(TRANSMIT_LEVELS, 0) ?? 0;
  const request = (channel, wanted) => (wanted ? dma.setDREQ(channel) : dma.clearDREQ(channel));

  function update() {
    uart.rp2040.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
    request(uart.dreq.tx, !!(dmaControl & 2) && queue.length < depth());
    request(uart.dreq.rx, !!(dmaControl & 1) && !uart.rxFIFO.empty);
  }

  const sent = clock.createAlarm(() => {
    const byte = shifting;
    shifting = null;
    uart.onByte?.(byte);
    shift();
    if (shifting === null) uart.onIdle?.();
  });

  function shift() {
    if (shifting === null && queue.length && uart.enabled && uart.txEnabled) {
      shifting = queue.shift();
      if (queue.length === transmitLevel()) uart.interruptStatus |= TRANSMIT;
      sent.schedule(characterNs(uart));
    }
    update();
  }

  const silence = clock.createAlarm(() => {
    if (!uart.rxFIFO.empty) uart.interruptStatus |= TIMEOUT;
    update();
  });

  function read() {
    const byte = uart.rxFIFO.pull();
    if (uart.rxFIFO.itemCount < receiveLevel()) uart.interruptStatus &= ~RECEIVE;
    if (uart.rxFIFO.empty) {
      uart.interruptStatus &= ~TIMEOUT;
      silence.cancel();
    }
    update();
    return byte;
  }

  uart.feedByte = (byte) => {
    if (uart.rxFIFO.itemCount >= depth()) {
      uart.interruptStatus |= OVERRUN;
      if (lost++ < 10) log(`${uart.name}: receive FIFO full, byte lost`);
    } else {
      uart.rxFIFO.push(byte);
      if (uart.rxFIFO.itemCount === receiveLevel()) uart.interruptStatus |= RECEIVE;
      silence.schedule(32 * bitNs(uart));
    }
    update();
  };
  uart.checkInterrupts = update;
  Object.defineProperty(uart, 'flags', {
    get: () =>
      (queue.length ? 0 : 0x80) |
      (uart.rxFIFO.itemCount >= depth() ? 0x40 : 0) |
      (queue.length >= depth() ? 0x20 : 0) |
      (uart.rxFIFO.empty ? 0x10 : 0) |
      (queue.length || shifting !== null ? 0x08 : 0),
  });
  uart.readUint32 = (offset) => {
    if (offset === DR) return read();
    if (offset === FR) return uart.flags;
    if (offset === IFLS) return levels;
    if (offset === DMACR) return dmaControl;
    return upstreamRead(offset);
  };
  uart.writeUint32 = (offset, value) => {
    if (offset === DR) {
      if (queue.length < depth()) queue.push(value & 0xff);
      if (queue.length > transmitLevel()) uart.interruptStatus &= ~TRANSMIT;
      shift();
    } else if (offset === IFLS) levels = value & 0x3f;
    else if (offset === DMACR) {
      dmaControl = value & 7;
      update();
    } else if (offset === ICR) {
      uart.interruptStatus &= ~uart.rawWriteValue;
      update();
    } else {
      upstreamWrite(offset, value);
      if (offset !== IMSC) shift();
    }
  };
}

/** The wire into a UART: bytes arrive one after another at the programmed rate; while nobody listens they are lost. */
export class Wire {
  #queue = [];
  #at = 0;
  #alarm;
  #uart = null;
  lost = 0;

  constructor(world) {
    this.#alarm = world.alarm(() => this.#arrive());
  }

  attach(uart) {
    this.#uart = uart;
  }

  /** Bytes not yet arrived. */
  get waiting() {
    return this.#queue.length - this.#at;
  }

  send(bytes) {
    for (const byte of bytes) this.#queue.push(byte);
    if (!this.#alarm.scheduled) this.#next();
  }

  #next() {
    if (this.waiting) this.#alarm.schedule(characterNs(this.#uart));
    else this.#queue.length = this.#at = 0;
  }

  #arrive() {
    const byte = this.#queue[this.#at++];
    if (this.#uart?.enabled && this.#uart.rxEnabled) this.#uart.feedByte(byte);
    else this.lost++;
    this.#next();
  }
}
