// The flash chip's identity, as machine.unique_id() asks for it: the SSI block passes commands byte by byte.
//
// Mends rp2040js: its SSI answers every byte with 0, so that all boards have the identity 0.

const SSI = 0x18000;
const IO_QSPI = 0x40018;
const SELECT_CONTROL = 0x0c; // GPIO_QSPI_SS_CTRL: the SDK selects the chip by overriding its output
const DATA = 0x60;
const READ_UNIQUE_ID = 0x4b;
const READ_STATUS_1 = 0x05;
const READ_STATUS_2 = 0x35;
const READ_JEDEC_ID = 0x9f;
const QUAD_ENABLED = 0x02;

/** identity: 8 bytes. */
export function mendIdentity(mcu, identity) {
  const ssi = mcu.peripherals[SSI];
  const qspi = mcu.peripherals[IO_QSPI];
  const write = ssi.writeUint32.bind(ssi);
  const read = ssi.readUint32.bind(ssi);
  const control = new Map();
  let sent = 0;
  let command = null;
  const answers = [];

  function answer(byte) {
    const at = sent++;
    if (at === 0) command = byte;
    if (command === READ_UNIQUE_ID) return at > 4 ? (identity[at - 5] ?? 0xff) : 0xff;
    if (command === READ_JEDEC_ID) return at > 0 ? ([0xef, 0x40, 0x15][at - 1] ?? 0xff) : 0xff;
    if (command === READ_STATUS_1) return 0;
    if (command === READ_STATUS_2) return QUAD_ENABLED;
    return 0;
  }

  qspi.readUint32 = (offset) => control.get(offset) ?? 0;
  qspi.writeUint32 = (offset, value) => {
    control.set(offset, value);
    if (offset === SELECT_CONTROL) sent = answers.length = 0;
  };
  ssi.writeUint32 = (offset, value) => {
    if (offset === DATA) answers.push(answer(value & 0xff));
    else write(offset, value);
    if (offset === 0x08) sent = answers.length = 0; // SSIENR: the FIFOs are emptied
  };
  ssi.readUint32 = (offset) => (offset === DATA ? (answers.shift() ?? 0) : read(offset));
}
