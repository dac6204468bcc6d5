// What else is on the board: one class per chip in chips/, made from literals and connected to the RP2040's pins.
import { Atm90e32 } from './chips/atm90e32.mjs';
import { Contactor } from './chips/contactor.mjs';
import { Ina226 } from './chips/ina226.mjs';
import { Ina228 } from './chips/ina228.mjs';
import { Mains } from './chips/mains.mjs';
import { Pzem004t } from './chips/pzem004t.mjs';
import { S0 } from './chips/s0.mjs';
import { Sx1276 } from './chips/sx1276.mjs';
import { Telegrams } from './chips/telegrams.mjs';

const CHIPS = {
  atm90e32: Atm90e32,
  contactor: Contactor,
  ina226: Ina226,
  ina228: Ina228,
  mains: Mains,
  pzem004t: Pzem004t,
  s0: S0,
  sx1276: Sx1276,
  telegrams: Telegrams,
};

/** The devices that the literals describe, connected. Throws an error that names the chip and the key. */
export function attach(board, literals, log) {
  return literals.map((literal) => {
    if (!Object.hasOwn(CHIPS, literal.chip)) {
      throw new Error(`devices: no chip ${JSON.stringify(literal.chip)}; there are ${Object.keys(CHIPS).join(', ')}`);
    }
    return new CHIPS[literal.chip](literal, board, log);
  });
}
