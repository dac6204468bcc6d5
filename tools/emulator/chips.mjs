// What else is on the board: one class per chip in chips/, made from literals and connected to the RP2040's pins.
import { Contactor } from './chips/contactor.mjs';
import { Ina226 } from './chips/ina226.mjs';
import { Mains } from './chips/mains.mjs';
import { Pzem004t } from './chips/pzem004t.mjs';
import { Sx1276 } from './chips/sx1276.mjs';

const CHIPS = { contactor: Contactor, ina226: Ina226, mains: Mains, pzem004t: Pzem004t, sx1276: Sx1276 };

/** The devices that the literals describe, connected. Throws an error that names the chip and the key. */
export function attach(board, literals, log) {
  return literals.map((literal) => {
    if (!Object.hasOwn(CHIPS, literal.chip)) {
      throw new Error(`devices: no chip ${JSON.stringify(literal.chip)}; there are ${Object.keys(CHIPS).join(', ')}`);
    }
    return new CHIPS[literal.chip](literal, board, log);
  });
}
