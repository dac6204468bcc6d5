// What happened on the board since somebody last asked: edges, and bytes that left it. Bounded: the oldest go.

const MOST_EDGES = 200_000;
const MOST_BYTES = 4_000_000;

export class Events {
  #edges = [];
  #runs = []; // [port, ns of the last byte, bytes]: bytes that left without a pause between them
  #open = new Map(); // port -> its run in #runs that may still grow
  #bytes = 0;
  #lost = 0;

  edge(now, pin, level, driven) {
    if (this.#edges.push([now, pin, level, driven]) > MOST_EDGES) {
      this.#edges.shift();
      this.#lost++;
    }
  }

  sent(port, now, bytes) {
    let run = this.#open.get(port);
    if (!run) {
      run = [port, now, []];
      this.#runs.push(run);
      if (port !== 'usb') this.#open.set(port, run);
    }
    run[1] = now;
    for (const byte of bytes) run[2].push(byte);
    this.#bytes += bytes.length;
    while (this.#bytes > MOST_BYTES && this.#runs.length > 1) {
      const dropped = this.#runs.shift();
      this.#bytes -= dropped[2].length;
      this.#lost++;
    }
  }

  /** The port pauses: what comes next is another run. */
  idle(port) {
    this.#open.delete(port);
  }

  /** All of it, and forget it. */
  take() {
    const taken = {
      edges: this.#edges,
      bytes: this.#runs.map(([port, now, bytes]) => [port, now, Buffer.from(bytes).toString('base64')]),
      lost: this.#lost,
    };
    this.#edges = [];
    this.#runs = [];
    this.#open.clear();
    this.#bytes = this.#lost = 0;
    return taken;
  }
}
