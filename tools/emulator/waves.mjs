// What a test puts on a channel of the converter: functions of simulated time that give counts.
import { random } from './random.mjs';

/** wave(now in ns) -> counts, not yet limited to the converter's range. Throws on a wave that is not one. */
export function makeWave(wave, pads) {
  if (wave?.kind === 'constant') {
    const counts = number(wave, 'counts');
    return () => counts;
  }
  if (wave?.kind === 'sine') return sine(wave, pads);
  if (wave?.kind === 'array') return samples(wave);
  throw new Error(`adc: kind ${JSON.stringify(wave?.kind)} is none of constant, sine, array`);
}

function sine(wave, pads) {
  const offset = number(wave, 'offset');
  const parts = (wave.parts ?? []).map((part) => [
    number(part, 'amplitude'),
    2 * Math.PI * number(part, 'frequency_hz') * 1e-9,
    ((part.phase_deg ?? 0) * Math.PI) / 180,
  ]);
  const noise = wave.noise ?? 0;
  const next = random(wave.seed ?? 1);
  const gate = wave.gate_pin ?? null;
  return (now) => {
    let counts = offset;
    if (gate === null || pads.level(gate)) {
      for (const [amplitude, omega, phase] of parts) counts += amplitude * Math.sin(omega * now + phase);
    }
    return noise ? counts + noise * (next() / 2 ** 31 - 1) : counts;
  };
}

function samples(wave) {
  const rate = number(wave, 'rate_hz');
  if (!Array.isArray(wave.samples) || !wave.samples.length) throw new Error('adc: an array wave needs samples');
  return (now) => wave.samples[Math.floor((now * rate) / 1e9) % wave.samples.length];
}

function number(from, key) {
  if (typeof from[key] !== 'number' || !Number.isFinite(from[key])) throw new Error(`adc: ${key} must be a number`);
  return from[key];
}
