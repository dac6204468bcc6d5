// The USB serial port (CDC): the host's end of it.
//
// Mends rp2040js: its host answers each read request at once, with nothing if it has nothing, so the firmware never
// rests. A real host keeps the device waiting until there is something to send.
import { USBCDC } from 'rp2040js';

export class UsbHost {
  #waiting = [];
  #at = 0;
  #room = -1; // bytes that the device has asked for, -1: it has not
  #cdc = null;
  #usb = null;
  #onBytes;
  #mended;

  /** onBytes(bytes): what the device sent. */
  constructor(onBytes, { mended = true } = {}) {
    this.#onBytes = onBytes;
    this.#mended = mended;
  }

  /** Another chip is plugged in, or none (null): what was not delivered is lost. */
  attach(mcu) {
    this.#waiting.length = this.#at = 0;
    this.#room = -1;
    this.#usb = mcu?.usbCtrl ?? null;
    this.#cdc = mcu ? new USBCDC(mcu.usbCtrl) : null;
    if (!mcu) return;
    this.#cdc.onSerialData = this.#onBytes;
    if (!this.#mended) return;
    this.#usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.#cdc.outEndpoint) return;
      this.#room = size;
      this.#give();
    };
  }

  get waiting() {
    return this.#waiting.length - this.#at;
  }

  send(bytes) {
    if (!this.#usb) return;
    if (!this.#mended) {
      for (const byte of bytes) this.#cdc.sendSerialByte(byte);
      return;
    }
    for (const byte of bytes) this.#waiting.push(byte);
    this.#give();
  }

  #give() {
    if (this.#room < 0 || !this.waiting) return;
    const end = Math.min(this.#at + this.#room, this.#waiting.length);
    const packet = Uint8Array.from(this.#waiting.slice(this.#at, end));
    this.#at = end;
    if (!this.waiting) this.#waiting.length = this.#at = 0;
    this.#room = -1;
    this.#usb.endpointReadDone(this.#cdc.outEndpoint, packet);
  }
}
