// An SPI bus: its devices, each selected by its own pin.
//
// A device has select(), exchange(byte) -> byte, deselect().
//
// Mends rp2040js: answers come at once, inside the write that asks for them; under DMA the receive FIFO overruns and the
// transfer never ends. Here an answer comes after the time its bits take.

export class SpiBus {
  #devices = [];
  #selected = null;
  #pads;
  #mended;

  constructor(pads, { mended = true } = {}) {
    this.#pads = pads;
    this.#mended = mended;
  }

  /** Connect a device that pin `select` selects while it is low. */
  connect(device, select) {
    this.#devices.push(device);
    this.#pads.watch(select, (level) => {
      if (!level) {
        this.#selected = device;
        device.select();
      } else if (this.#selected === device) {
        this.#selected = null;
        device.deselect();
      }
    });
  }

  /** Serve another chip's SPI block. */
  attach(spi) {
    let answer = 0;
    const done = spi.rp2040.clock.createAlarm(() => spi.completeTransmit(answer));
    spi.onTransmit = (value) => {
      answer = this.#selected ? this.#selected.exchange(value) : 0xff;
      if (this.#mended) done.schedule((spi.dataBits * 1e9) / (spi.clockFrequency || 1e6));
      else spi.completeTransmit(answer);
    };
  }
}
