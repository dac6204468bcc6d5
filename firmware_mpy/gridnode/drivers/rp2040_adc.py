"""The RP2040's converter as a meter: one voltage and the channels' currents in turn, written to a ring by DMA.

The converter runs freely off the crystal and two DMA channels keep it company without the processor: one fills the
ring lap by lap, the other starts the next one. Registers: RP2040 datasheet, 2.5 (DMA) and 4.9 (ADC).
"""

import gc
import math
from array import array

import rp2
import uctypes
from machine import ADC, mem32

from gridnode.native import micropython, ptr16, ptr32

_CONVERTER_HZ = 48_000_000
_ADC_CS, _ADC_FCS, _ADC_FIFO, _ADC_DIV = 0x4004C000, 0x4004C008, 0x4004C00C, 0x4004C010
_CS_ENABLE, _CS_START_MANY = 1 << 0, 1 << 3
_FCS_ENABLE, _FCS_REQUEST, _FCS_THRESHOLD_1 = 1 << 0, 1 << 3, 1 << 24
_REQUEST_ADC, _REQUEST_ALWAYS = 36, 0x3F
_DMA, _DMA_STRIDE, _COUNT_AND_START = 0x50000000, 0x40, 0x1C
_RING_BITS = 13
_RING_BYTES = 1 << _RING_BITS
_TRIES = 8
_MASK = _RING_BYTES // 2 - 1
_RING = _RING_BYTES // 2  # samples: 341 ms of three inputs at 4 kHz
_FIRST_PIN = 26
_SETS = 64  # handed to the channels at once
_LAPS_PER_S = 125  # of the DMA, which then says so: those who `watch` look as often, 8 ms apart


class Rp2040Adc:
    """Feeds metering channels from their pins (27, 28), all with the voltage of `voltage_pin` (26).

    Samples leave in units of 1 / (number of inputs) counts, so that interpolating loses nothing: see `steps`. The
    inputs are converted one after the other: each channel gets the voltage interpolated to the moment of its current.
    `now()`: node time in ms. If `pump` comes too late for the ring, the time is skipped, not filled in. Raises
    ValueError on other pins.

    step_16ths: what each of the converter's four wide codes (erratum RP2040-E11: 512, 1536, 2560, 3584) has swallowed,
    in 1/16 of a count; it is put back, around the middle. 0 for a converter without. The windows'
    clip_counts are those of this figure; where it is set while running they move with it.
    """

    def __init__(self, channels: list, pins: list, voltage_pin: int, rate_hz: int, now, step_16ths: int = 0):
        inputs = [pin - _FIRST_PIN for pin in [voltage_pin] + pins]
        if inputs != list(range(len(inputs))) or len(inputs) not in (2, 3):
            raise ValueError("the converter takes its inputs in order: voltage on pin 26, currents on 27 and 28")
        self.fault = ""
        self._step_16ths = step_16ths
        self._channels = channels
        self._inputs = len(inputs)
        self._rate_hz = rate_hz
        self._patience_us = (_RING - 64) * 1_000_000 // (rate_hz * len(inputs))
        self._feeds = [(slot, channel.feed) for slot, channel in enumerate(channels, 1)]
        self._memory = _aligned()
        self._base = (uctypes.addressof(self._memory) + _RING_BYTES - 1) & ~(_RING_BYTES - 1)
        self._ring = uctypes.bytearray_at(self._base, _RING_BYTES)
        self._voltage = array("h", [0] * _SETS)
        self._current = array("h", [0] * _SETS)
        self._how = array("i", [0, 0, len(inputs), 0, 0, _MASK])
        for input_ in inputs:
            ADC(_FIRST_PIN + input_)
        self._fill = rp2.DMA()
        self._again = rp2.DMA()
        lap = rate_hz // _LAPS_PER_S * len(inputs)
        self._lap = array("I", [lap])
        self._where = array("i", [0, 0, len(inputs), _MASK, self._base, lap])
        self._registers = _DMA + _DMA_STRIDE * self._fill.channel
        self._start()
        self._pumped_us = now() * 1000
        for slot, channel in enumerate(channels, 1):
            channel.begin(self._pumped_us)
            channel.voltage_fraction = slot / self._inputs

    @property
    def step_16ths(self):
        return self._step_16ths

    @step_16ths.setter
    def step_16ths(self, wanted: int):
        more = (widened(0, wanted) - widened(0, self._step_16ths)) * self._inputs
        for channel in self._channels:
            channel.window.clip_counts += more
        self._step_16ths = wanted

    def _start(self):
        self._where[0] = -_RING  # whoever watches is told nothing meanwhile
        self._at = 0  # sample of the ring that comes next; always the voltage of a set
        self._fill.active(0)
        mem32[_ADC_CS] = 0
        mem32[_ADC_DIV] = (_CONVERTER_HZ // (self._rate_hz * self._inputs) - 1) << 8
        mem32[_ADC_FCS] = _FCS_ENABLE | _FCS_REQUEST | _FCS_THRESHOLD_1
        while mem32[_ADC_FCS] >> 16 & 15:  # what an earlier run has left
            mem32[_ADC_FIFO]
        fill = self._fill.pack_ctrl(
            size=1,
            inc_read=False,
            ring_sel=True,
            ring_size=_RING_BITS,
            treq_sel=_REQUEST_ADC,
            chain_to=self._again.channel,
            irq_quiet=False,
        )
        again = self._again.pack_ctrl(
            size=2,
            inc_read=False,
            inc_write=False,
            treq_sel=_REQUEST_ALWAYS,
            irq_quiet=True,
            chain_to=self._again.channel,
        )
        restart = _DMA + _DMA_STRIDE * self._fill.channel + _COUNT_AND_START
        self._again.config(read=self._lap, write=restart, count=1, ctrl=again, trigger=False)
        self._fill.config(read=_ADC_FIFO, write=self._base, count=self._lap[0], ctrl=fill, trigger=True)
        mem32[_ADC_CS] = _CS_ENABLE | _CS_START_MANY | ((1 << self._inputs) - 1) << 16
        self._where[0] = 0

    def watch(self, looks: tuple):
        """From now on each `look(ring, where)` is called every 8 ms from a hard interrupt, whatever the program does:
        garbage is collected, or `pump` comes late. Only while flash is erased or written nothing runs. It must not
        allocate. ring: the raw samples (ptr16), input by input. where[1]: the place in it behind the newest whole set;
        where[2]: samples of a set; where[3]: mask of a place.
        """
        self._looks = looks
        self._fill.irq(self._lap_ended, hard=True)

    def _lap_ended(self, dma):
        if _locate(self._registers, self._where):
            for look in self._looks:
                look(self._ring, self._where)

    def close(self):
        """Stop. Must be called before this object is forgotten: the DMA would go on writing where the ring was."""
        mem32[_ADC_CS] = 0
        self._again.close()
        self._fill.close()

    def pump(self, now_us: int):
        """Feed the channels with what the converter has written since the last call."""
        late_us = now_us - self._pumped_us
        self._pumped_us = now_us
        if late_us >= self._patience_us:
            self._skip(late_us)
            return
        self.fault = ""
        how, at, inputs = self._how, self._at, self._inputs
        ready = ((self._fill.write - self._base) // 2 - at) & _MASK
        sets = (ready - 1) // inputs  # the last set needs the voltage behind it
        how[4] = self._step_16ths
        pick = _pick_evenly if self._step_16ths else _pick
        while sets > 0:
            n = _SETS if sets > _SETS else sets
            how[0], how[1] = at, n
            for slot, feed in self._feeds:
                how[3] = slot
                pick(self._ring, how, self._voltage, self._current)
                feed(self._voltage, self._current, n)
            at = (at + n * inputs) & _MASK
            sets -= n
        self._at = at

    def _skip(self, late_us: int):
        # How often the ring was written over is not known, nor which input a place belongs to: begin again.
        self._start()
        self.fault = "%d ms of samples were lost: the program was held up" % (late_us // 1000)
        for channel in self._channels:
            channel.skip(late_us * self._rate_hz // 1_000_000)


def _aligned():
    """Memory with a ring in it: DMA wraps where the address is a multiple of the ring's length.

    That takes twice its length, unless the heap can be filled up to such a place first.
    """
    fill = []
    for _ in range(_TRIES):
        memory = bytearray(_RING_BYTES)
        at = uctypes.addressof(memory)
        short = -at % _RING_BYTES
        if not short:
            return memory
        memory = None
        gc.collect()
        for _ in range(_TRIES):  # smaller holes before that place are filled first
            fill.append(bytearray(short))
            if uctypes.addressof(fill[-1]) >= at:
                break
    return bytearray(2 * _RING_BYTES)


def steps(currents: int) -> int:
    """Steps of a count in which samples come, for so many currents."""
    return currents + 1


def widened(clip_counts: int, step_16ths: int) -> int:
    """Where the converter ends, in counts from the middle, once its steps are put back: WindowMeter's clip_counts."""
    return clip_counts + (step_16ths >> 3)


def voltage_gain(slot: int, currents: int, rate_hz: int, frequency_hz: int) -> float:
    """What interpolating makes of the amplitude of a sine: |1 - f + f exp(jw)|, f of the way from sample to sample.

    As its series: 1 - cos(w) would leave few digits of a 32-bit float.
    """
    fraction = slot / (currents + 1)
    turn = 2 * math.pi * frequency_hz / rate_hz
    return 1 - fraction * (1 - fraction) * turn * turn / 2


@micropython.viper
def _locate(registers: ptr32, where: ptr32) -> int:
    """Put the place behind the newest whole set into where[1]; return 0 while the ring is not filled far enough.

    registers: of the DMA that fills. where[0]: laps since the start, where[4]: the ring's address, where[5]: samples of
    a lap. A lap is whole sets, so what is left of it tells the input, whichever lap it is.
    """
    if int(where[0]) < 2:  # more than half a period, and the first may be one from before the start
        where[0] = int(where[0]) + 1
        return 0
    at = int(registers[1])
    left = int(registers[2])
    while at != int(registers[1]) or left != int(registers[2]):  # both of one moment
        at = int(registers[1])
        left = int(registers[2])
    done = int(where[5]) - left
    inputs = int(where[2])
    while done >= inputs:
        done -= inputs
    where[1] = (((at - int(where[4])) >> 1) - done) & int(where[3])
    return 1


@micropython.viper
def _pick(ring: ptr16, how: ptr32, voltage: ptr16, current: ptr16):
    """Sets of samples out of the ring: the current of one slot, and the voltage at that moment."""
    at = int(how[0])
    n = int(how[1])
    inputs = int(how[2])
    slot = int(how[3])
    mask = int(how[5])
    ahead = inputs - slot
    middle = inputs << 11
    k = 0
    while k < n:
        before = int(ring[at])
        flows = int(ring[(at + slot) & mask])
        at = (at + inputs) & mask
        voltage[k] = before * ahead + int(ring[at]) * slot - middle
        current[k] = flows * inputs - middle
        k += 1


@micropython.viper
def _pick_evenly(ring: ptr16, how: ptr32, voltage: ptr16, current: ptr16):
    """As `_pick`, with how[4] put back at each step; works in 1/16 of a count."""
    at = int(how[0])
    n = int(how[1])
    inputs = int(how[2])
    slot = int(how[3])
    width = int(how[4])
    mask = int(how[5])
    middle = (inputs << 11) + ((width * inputs) >> 3)  # two of the steps are below it
    k = 0
    while k < n:
        before = int(ring[at])
        before = (before << 4) + ((before + 512) >> 10) * width
        flows = int(ring[(at + slot) & mask])
        flows = (flows << 4) + ((flows + 512) >> 10) * width
        at = (at + inputs) & mask
        after = int(ring[at])
        after = (after << 4) + ((after + 512) >> 10) * width
        voltage[k] = ((before * (inputs - slot) + after * slot) >> 4) - middle
        current[k] = (flows * inputs >> 4) - middle
        k += 1
