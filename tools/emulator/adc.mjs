// The converter: takes what is on a channel's pin at the exact time of each conversion.
//
// Mends rp2040js: round-robin stays on channel 0 (a mask is confused with its shift, and the step past the last channel
// skips channel 0), and START_ONE stays set, so that any later write to CS starts another conversion.

const CS = 0x00;
const START_ONE = 1 << 2;
const START_MANY = 1 << 3;
const CHANNELS = 5;

/** take(channel) gives counts, 0 to 4095, at the time it is called. */
export function mendAdc(adc, take, { mended = true } = {}) {
  let taken = 0;
  adc.onADCRead = (channel) => {
    taken = take(channel);
    adc.sampleAlarm.schedule(adc.sampleTime * 1000);
  };
  adc.sampleAlarm = adc.rp2040.clock.createAlarm(() => adc.completeADCRead(taken, false));
  if (!mended) return;
  const complete = adc.completeADCRead.bind(adc);
  adc.completeADCRead = (value, error) => {
    const channels = (adc.cs >> 16) & 0x1f;
    const many = adc.cs & START_MANY;
    const channel = adc.activeChannel;
    adc.cs &= ~((0x1f << 16) | START_MANY); // upstream would go on to the wrong channel
    complete(value, error);
    adc.cs |= (channels << 16) | many;
    if (channels) adc.cs = (adc.cs & ~(7 << 12)) | (following(channel, channels) << 12);
    if (many) goOn(adc);
  };
  const write = adc.writeUint32.bind(adc);
  adc.writeUint32 = (offset, value) => {
    write(offset, value);
    if (offset === CS) adc.cs &= ~START_ONE;
  };
}

function following(channel, channels) {
  do channel = (channel + 1) % CHANNELS;
  while (!(channels & (1 << channel)));
  return channel;
}

function goOn(adc) {
  const microseconds = adc.divider / 48 - adc.sampleTime; // clk_adc runs at 48 MHz
  if (microseconds > 0) adc.multiShotAlarm.schedule(microseconds * 1000);
  else adc.startADCRead();
}
