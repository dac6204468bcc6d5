// Pseudo-terminals of the board's ports, for programs that think they talk to a serial port.
import tty from 'node:tty';

const MOST_WAITING = 64 * 1024;

export class Pty {
  #stream;
  #out = [];
  #board;
  #port;

  /** fd: our end of the pseudo-terminal. onWritten(): bytes have come for the board. */
  constructor(board, port, fd, onWritten) {
    this.#board = board;
    this.#port = port;
    this.#stream = new tty.ReadStream(fd);
    this.#stream.on('data', (bytes) => {
      board.send(port, bytes);
      if (board.waiting(port) > MOST_WAITING) this.#stream.pause();
      onWritten();
    });
    this.#stream.on('error', () => {}); // nobody has the other end open
  }

  sent(bytes) {
    for (const byte of bytes) this.#out.push(byte);
  }

  /** Pass on what the board sent; what nobody reads is dropped, as on a real wire. */
  look() {
    if (this.#out.length && this.#stream.writableLength < MOST_WAITING) this.#stream.write(Buffer.from(this.#out));
    this.#out.length = 0;
    if (this.#stream.isPaused() && this.#board.waiting(this.#port) < MOST_WAITING / 2) this.#stream.resume();
  }
}
