// The data output of a smart meter: DSMR P1 telegrams (115200 8N1) or SML telegrams (9600 8N1) into a UART, again and
// again, whether anybody listens or not.
//
// Literal: {"chip": "telegrams", "uart": 1, "kind": "dsmr_p1" | "sml", "period_ns": 1e9, "import_wh": 1234567, "export_wh": 0,
// "power_mw": 0, "voltage_mv": 230000, "current_ma": 0}: registers to begin with; power above 0 is import. tell: changes
// any; {"broken": true} flips a bit of each telegram, {"silent": true} sends none, {"import_wh": ...} is another meter. The
// answer has the true "import_mwh" and "export_mwh", and those "told" last, in whole steps of the registers.

const DEFAULTS = { uart: 1, period_ns: 1e9, power_mw: 0, voltage_mv: 230_000, current_ma: 0 };

export class Telegrams {
  #is;
  #board;
  #next;
  #since = 0;
  #imported;
  #exported;
  #told = null;

  constructor(literal, board) {
    if (!Object.hasOwn(KINDS, literal.kind)) throw new Error(`telegrams: kind must be one of ${Object.keys(KINDS).join(', ')}`);
    this.#is = { ...DEFAULTS, silent: false, broken: false, ...literal };
    this.#imported = (literal.import_wh ?? 1_234_567) * 1000;
    this.#exported = (literal.export_wh ?? 0) * 1000;
    this.#board = board;
    this.#next = board.world.alarm(() => this.#send());
    this.#next.schedule(this.#is.period_ns);
  }

  tell({ import_wh, export_wh, ...changes }) {
    this.#sum();
    if (import_wh !== undefined) this.#imported = import_wh * 1000;
    if (export_wh !== undefined) this.#exported = export_wh * 1000;
    Object.assign(this.#is, changes);
    return { import_mwh: this.#imported, export_mwh: this.#exported, told: this.#told };
  }

  #sum() {
    const energy = (this.#is.power_mw * (this.#board.world.now - this.#since)) / 3.6e12;
    if (energy > 0) this.#imported += energy;
    else this.#exported -= energy;
    this.#since = this.#board.world.now;
  }

  #send() {
    this.#next.schedule(this.#is.period_ns);
    this.#sum();
    if (this.#is.silent) return;
    const { step_mwh, telegram } = KINDS[this.#is.kind];
    const steps = [this.#imported, this.#exported].map((mwh) => Math.floor(mwh / step_mwh));
    const bytes = telegram(steps, this.#is);
    if (this.#is.broken) bytes[bytes.length >> 1] ^= 0x04;
    else this.#told = steps.map((step) => step * step_mwh);
    this.#board.send(`uart${this.#is.uart}`, bytes);
  }
}

/** Netbeheer Nederland, P1 companion standard 5.0.2, chapter 6. */
function dsmrP1([imported, exported], { power_mw, voltage_mv, current_ma }) {
  const fixed = (value, whole, digits) => value.toFixed(digits).padStart(whole + 1 + digits, '0');
  const kilo = (thousandths, whole) => fixed(thousandths / 1000, whole, 3);
  const power = Math.round(power_mw / 1000);
  const lines = [
    '/XMX5LGBBFG1009',
    '',
    '1-3:0.2.8(50)',
    '0-0:1.0.0(260711120015S)',
    `1-0:1.8.1(${kilo(imported, 6)}*kWh)`,
    '1-0:1.8.2(000000.000*kWh)',
    `1-0:2.8.1(${kilo(exported, 6)}*kWh)`,
    '1-0:2.8.2(000000.000*kWh)',
    '0-0:96.14.0(0001)',
    `1-0:1.7.0(${kilo(Math.max(power, 0), 2)}*kW)`,
    `1-0:2.7.0(${kilo(Math.max(-power, 0), 2)}*kW)`,
    '1-0:99.97.0(2)(0-0:96.7.19)(101208152415W)(0000000240*s)(101208151004W)(0000000301*s)',
    `0-0:96.13.0(${'303132333435363738393A3B3C3D3E3F'.repeat(8)})`,
    `1-0:32.7.0(${fixed(voltage_mv / 1000, 3, 1)}*V)`,
    `1-0:31.7.0(${Math.round(current_ma / 1000).toString().padStart(3, '0')}*A)`,
    '0-1:24.1.0(003)',
    '0-1:24.2.1(260711120000S)(12785.123*m3)',
    '!',
  ];
  const text = Buffer.from(lines.join('\r\n'), 'latin1');
  const check = crc(text, 0, 0xa001).toString(16).toUpperCase().padStart(4, '0');
  return [...text, ...Buffer.from(`${check}\r\n`, 'latin1')];
}

/** BSI TR-03109-1, appendix IV: an open response, a GetList response, a close response. */
function sml([imported, exported], { power_mw }) {
  const number = (value, bytes, kind) => {
    const big = BigInt.asUintN(8 * bytes, BigInt(Math.round(value)));
    return [(kind << 4) | (bytes + 1), ...Buffer.from(big.toString(16).padStart(2 * bytes, '0'), 'hex')];
  };
  const octets = (...bytes) => [bytes.length + 1, ...bytes];
  const entry = (code, unit, scaler, value) => [
    ...[0x77, ...octets(1, 0, ...code, 0xff), 1, 1],
    ...[...number(unit, 1, 6), ...number(scaler, 1, 5), ...value, 1],
  ];
  const message = (code, body) => [0x76, ...octets(1, 2, 3, 4), 0x62, 0, 0x62, 0, 0x72, 0x63, ...code, ...body];
  const end = [0x63, 0x12, 0x34, 0]; // each message has a check of its own, which nobody looks at
  const server = octets(...Buffer.from('GNX0123456', 'latin1'));
  let body = [
    ...message([0x01, 0x01], [0x76, 1, 1, ...octets(7, 7), ...server, 1, 1, ...end]),
    ...message([0x07, 0x01], [0x77, 1, ...server, 1, 0x72, 0x62, 1, 0x65, 0, 1, 2, 3, 0x73]),
    ...entry([1, 8, 0], 30, -1, number(imported, 8, 5)),
    ...entry([2, 8, 0], 30, -1, number(exported, 8, 5)),
    ...entry([16, 7, 0], 27, -1, number(power_mw / 100, 4, 5)),
    ...[1, 1, ...end],
    ...message([0x02, 0x01], [0x71, 1, ...end]),
  ];
  const fill = -body.length & 3;
  body = [...body, ...Array(fill).fill(0)];
  const whole = [...[0x1b, 0x1b, 0x1b, 0x1b, 1, 1, 1, 1], ...body, ...[0x1b, 0x1b, 0x1b, 0x1b, 0x1a, fill]];
  const check = crc(whole, 0xffff, 0x8408) ^ 0xffff;
  return [...whole, check & 0xff, check >> 8];
}

const KINDS = { dsmr_p1: { step_mwh: 1000, telegram: dsmrP1 }, sml: { step_mwh: 100, telegram: sml } };

function crc(bytes, begin, polynomial) {
  let value = begin;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ polynomial : value >> 1;
  }
  return value;
}
