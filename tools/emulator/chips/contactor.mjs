// A relay that drives a contactor, and its auxiliary contact: the feedback follows the coil after its operating time.
//
// Literal: {"chip": "contactor", "coil_pin", "closed_level": 1, "feedback_pin", "feedback_closed_level": 0,
// "operate_ns": 8e6, "release_ns": 5e6}. tell: {"stuck": "open" | "closed" | null}; the answer says if it is closed.

export class Contactor {
  #pads;
  #literal;
  #alarm;
  #stuck = null;
  closed = false;

  constructor(literal, board) {
    this.#literal = { closed_level: 1, feedback_closed_level: 0, operate_ns: 8e6, release_ns: 5e6, ...literal };
    this.#pads = board.pads;
    this.#alarm = board.world.alarm(() => this.#move());
    this.#pads.watch(literal.coil_pin, () => this.#coil());
    this.#move();
    this.#coil();
  }

  get #energised() {
    return this.#pads.level(this.#literal.coil_pin) === this.#literal.closed_level;
  }

  #coil() {
    this.#alarm.schedule(this.#energised ? this.#literal.operate_ns : this.#literal.release_ns);
  }

  #move() {
    this.closed = this.#stuck === null ? this.#energised : this.#stuck === 'closed';
    const { feedback_pin: pin, feedback_closed_level: level } = this.#literal;
    if (pin !== undefined && pin !== null) this.#pads.drive(pin, this.closed ? level : 1 - level);
  }

  tell({ stuck }) {
    if (stuck !== undefined) {
      if (![null, 'open', 'closed'].includes(stuck)) throw new Error('contactor: stuck is "open", "closed" or null');
      this.#stuck = stuck;
      this.#move();
    }
    return { closed: this.closed };
  }
}
