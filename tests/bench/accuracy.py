"""How exact metering is on the emulated RP2040: sampling by DMA, 12 bits, 1 LSB of noise, nominal calibration.

    python -m tests.bench.accuracy [--readme]     prints the errors; --readme: the table in metering/README.md too

One boot measures every point: the waves on the converter's pins change under the running program. What is measured is
the arithmetic, the converter's steps and its noise. A real channel adds its divider, its transformer, its phase error
and what its calibration leaves of them.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.emulator.kit import MS, SAY, SECOND
from tools import boards
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import FIRMWARE, compiled

README = FIRMWARE / "gridnode/metering/README.md"
VOLTAGE_NV, CURRENT_NA, CLIP = 195_312_500, 31_250_000, 2040  # boards/rpi_pico's
NOISE_LSB = 1
TOP = CLIP - 2 * NOISE_LSB - 1  # counts: the largest peak that noise does not lift to the converter's end
RANGE_V, RANGE_A = (TOP / math.sqrt(2) * nano / 1e9 for nano in (VOLTAGE_NV, CURRENT_NA))
BASIC_A, LARGEST_A = 5, 40  # of the meter that IEC 62053-21's points are taken for
WINDOWS, LONG = 5, 15  # looked at for each point
SETTLING = 4  # before: the one that was cut, those that find the zero and lock, and what was on its way
DISTORTED = ((3, 7, 40), (5, 6, 160), (7, 4, 290))  # order, % of the first, degrees: 10 % in all

# Says a line for each window: channel, mV, mA, mW, mHz, quality. AGGREGATES: as the node gathers them.
PROGRAM = """
import gc, select
from gridnode.metering.aggregate import Aggregates
from gridnode.metering.channel import Channel
from gridnode.metering.window import WindowMeter
from gridnode.drivers.rp2040_adc import Rp2040Adc, steps, voltage_gain, widened
channels = []
for slot in (1, 2):
    nv = int({nv} / voltage_gain(slot, 2, 4000, 50)) // steps(2)
    window = WindowMeter(4000, 50, nv, {na} // steps(2), widened({clip}, {step_16ths}) * steps(2))
    channels.append(Channel("load", window))
meter = Rp2040Adc(channels, [27, 28], 26, 4000, time.ticks_ms, {step_16ths})
gathered = [Aggregates() for _ in channels]
told = [channel.end_us for channel in channels]
poller = select.poll()
poller.register(_uart, select.POLLIN)
gc.collect()
gc.threshold(-1)
while True:
    meter.pump(time.ticks_us())
    for index, channel in enumerate(channels):
        if channel.end_us != told[index]:
            told[index] = channel.end_us
            gathered[index].add(channel.window, channel.end_us)
            if {tell}:
                w = channel.window
                figures = (w.voltage_rms_mv, w.current_rms_ma, w.active_power_mw, w.frequency_mhz, w.quality)
                say("[%d,%d,%d,%d,%d,%d]" % ((index,) + tuple(0 if each is None else each for each in figures)))
    poller.poll(10)
"""


@dataclass(frozen=True)
class Row:
    """The largest error of one window (IEC points: of the mean over 3 s) at one point, and what it may reach."""

    group: str
    point: str
    error: float
    unit: str  # "%" of reading, or mHz
    reach: float | None = None

    @property
    def met(self) -> bool:
        return self.reach is None or self.error <= self.reach


@dataclass(frozen=True)
class Point:
    """Waves: volts and amperes (RMS of the first harmonic), lag in degrees, and the shares of harmonics."""

    volts: float = 230.0
    amperes: float = 10.0
    lag: float = 0.0
    hertz: float = 50.0
    harmonics: tuple[tuple[int, float, float], ...] = ()

    @property
    def active_mw(self) -> float:
        return 1000 * self.volts * self.amperes * math.cos(math.radians(self.lag))


@dataclass(frozen=True)
class Window:
    """One line of PROGRAM."""

    channel: int
    voltage_mv: int
    current_ma: int
    power_mw: int
    frequency_mhz: int
    quality: int


class Meter:
    """The running board: give it a point, get the windows behind it."""

    def __init__(self, pico: EmulatedRP2040) -> None:
        self._pico = pico
        self._text = b""

    def measure(self, point: Point, windows: int) -> list[Window]:
        """So many windows of each channel at that point. Raises RuntimeError when none come."""
        volts = point.volts * math.sqrt(2) * 1e9 / VOLTAGE_NV
        amperes = point.amperes * math.sqrt(2) * 1e9 / CURRENT_NA
        self._pico.adc(0, _wave(point, volts, 0, 1))
        for channel in (1, 2):
            self._pico.adc(channel, _wave(point, amperes, point.lag, 1 + channel))
        return self.windows(windows)

    def windows(self, windows: int) -> list[Window]:
        """So many windows of each channel, once what has just changed has settled. Raises RuntimeError likewise."""
        self._told()
        found: dict[int, list[Window]] = {0: [], 1: []}
        for _ in range(4 * (windows + SETTLING)):
            self._pico.run(100 * MS)
            for window in self._told():
                found[window.channel].append(window)
            if all(len(each) >= windows + SETTLING for each in found.values()):
                return [window for each in found.values() for window in each[SETTLING : SETTLING + windows]]
        raise RuntimeError(f"the board does not tell its windows: {self._pico.log()}")

    def _told(self) -> list[Window]:
        *lines, self._text = (self._text + b"".join(data for _, data in self._pico.read("uart0"))).split(b"\n")
        return [Window(*json.loads(line)) for line in lines]


def _wave(point: Point, peak: float, lag: float, seed: int) -> dict[str, object]:
    shares = ((1, 100.0, 0.0), *point.harmonics)
    parts = [
        {"amplitude": peak * share / 100, "frequency_hz": point.hertz * order, "phase_deg": degrees - lag * order}
        for order, share, degrees in shares
    ]
    return {"kind": "sine", "offset": 2048, "parts": parts, "noise": NOISE_LSB, "seed": seed}


@contextmanager
def metering(
    tell: bool = True, step_16ths: int = 0, program: str = PROGRAM, **options: object
) -> Iterator[EmulatedRP2040]:
    """An emulated Pico that meters a voltage and two currents at 4,000 sets a second and does nothing else."""
    text = program.format(nv=VOLTAGE_NV, na=CURRENT_NA, clip=CLIP, step_16ths=step_16ths, tell=int(tell))
    files = {"main.py": (SAY + text).encode()}
    modules = ["__init__", "native", "drivers/__init__", "drivers/rp2040_adc"]
    modules += [f"metering/{file.stem}" for file in sorted((FIRMWARE / "gridnode/metering").glob("*.py"))]
    for module in modules:
        source = (FIRMWARE / f"gridnode/{module}.py").read_bytes()
        files[f"gridnode/{module}.mpy"] = compiled(f"gridnode/{module}.py", source, "armv6m")
    disk = littlefs_image(boards.load("rpi_pico"), files)
    with EmulatedRP2040(image("RPI_PICO").path, filesystem=disk, **options) as pico:  # type: ignore[arg-type]
        yield pico


def accuracy(tell: Callable[[str], None]) -> list[Row]:
    """Every point, about a minute; `tell` hears what is being measured."""
    with metering() as pico:
        pico.run(SECOND)
        meter = Meter(pico)
        rows = []
        for part in (_voltages, _currents, _powers, _frequencies, iec_62053_21):
            rows += part(meter)
            tell(
                f"{rows[-1].group}: at most {max(row.error for row in rows if row.group == rows[-1].group):.3f} "
                f"{rows[-1].unit}"
            )
    return rows


def _per_cent(found: float, true: float) -> float:
    return 100 * abs(found / true - 1)


def _voltages(meter: Meter) -> Iterator[Row]:
    for share in (5, 10, 20, 50, 80, 100):
        volts = RANGE_V * share / 100
        error = max(_per_cent(at.voltage_mv, volts * 1000) for at in meter.measure(Point(volts=volts), WINDOWS))
        yield Row("V", f"{share} % of range", error, "%", 0.2)


def _currents(meter: Meter) -> Iterator[Row]:
    for share in (5, 10, 20, 50, 80, 100):
        amperes = RANGE_A * share / 100
        error = max(_per_cent(at.current_ma, amperes * 1000) for at in meter.measure(Point(amperes=amperes), WINDOWS))
        yield Row("I", f"{share} % of range", error, "%", 0.2)


def _powers(meter: Meter) -> Iterator[Row]:
    for factor, reach in ((1.0, 0.3), (0.5, 0.6)):
        for share in (5, 20, 50, 100):
            for side in (1,) if factor == 1 else (1, -1):
                point = Point(amperes=RANGE_A * share / 100, lag=side * math.degrees(math.acos(factor)))
                error = max(_per_cent(at.power_mw, point.active_mw) for at in meter.measure(point, WINDOWS))
                words = "" if factor == 1 else ", inductive" if side > 0 else ", capacitive"
                yield Row(f"P, PF {factor:g}", f"{share} % of range{words}", error, "%", reach)


def _frequencies(meter: Meter) -> Iterator[Row]:
    for hertz in (45.0, 47.3, 49.87, 50.0, 52.6, 57.1, 60.0, 65.0):
        windows = meter.measure(Point(hertz=hertz, harmonics=DISTORTED), WINDOWS)
        error = max(abs(at.frequency_mhz - hertz * 1000) for at in windows)
        yield Row("f", f"{hertz:g} Hz, 10 % THD", error, "mHz", 5)


def iec_62053_21(meter: Meter) -> Iterator[Row]:
    """Its test points of active energy (2003, 8.1, table 6), for BASIC_A and LARGEST_A at 230 V."""
    for share in (0.05, 0.1, 0.2, 1, LARGEST_A / BASIC_A):
        for words, lag in (("1", 0.0), ("0.5 inductive", 60.0), ("0.8 capacitive", -math.degrees(math.acos(0.8)))):
            if share < 0.1 and lag:
                continue
            point = Point(amperes=BASIC_A * share, lag=lag)
            found = meter.measure(point, LONG)
            means = [_mean(at.power_mw for at in found if at.channel == channel) for channel in (0, 1)]
            error = max(_per_cent(mean, point.active_mw) for mean in means)
            yield Row("IEC 62053-21", f"{point.amperes:g} A | {words}", error, "%")


def _mean(values: Iterator[int]) -> float:
    found = list(values)
    return sum(found) / len(found)


def cpu_share() -> float:
    """Share of the processor's time that metering a voltage and two currents takes; it sleeps between its turns."""
    with metering(tell=False, devices=[MAINS]) as pico:
        pico.run(3 * SECOND)
        before_ns, began_ns = pico.cpu_busy_ns, pico.now_ns
        pico.run(10 * SECOND)
        return (pico.cpu_busy_ns - before_ns) / (pico.now_ns - began_ns)


MAINS = {
    "chip": "mains",
    "fixed": {"voltage_mv": 230_000, "frequency_mhz": 50_020, "grid_mw": 2_000_000, "grid_mvar": 500_000},
}


def table(rows: list[Row]) -> str:
    """IEC 62053-21's points as Markdown."""
    lines = ["| current | power factor | error of active power, % |", "|---|---|---|"]
    lines += [f"| {row.point} | {row.error:.3f} |" for row in rows if row.group == "IEC 62053-21"]
    return "\n".join(lines)


def write_readme(rows: list[Row], path: Path = README) -> None:
    """Put the table between the README's two marks. Raises ValueError when they are not there."""
    text = path.read_text(encoding="utf-8")
    marked, times = re.subn(
        r"(<!-- errors -->\n).*(<!-- /errors -->)", lambda m: f"{m[1]}{table(rows)}\n{m[2]}", text, flags=re.DOTALL
    )
    if times != 1:
        raise ValueError(f"{path.name}: no marks <!-- errors --> and <!-- /errors -->")
    path.write_text(marked, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accuracy", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="also put IEC 62053-21's points into metering/README.md")
    options = parser.parse_args()
    rows = accuracy(lambda words: print(words, file=sys.stderr))
    for row in rows:
        reach = "" if row.reach is None else f"  (reach {row.reach:g})"
        print(f"{row.group:14} {row.point:34} {row.error:8.3f} {row.unit}{reach}{'' if row.met else '  MISSED'}")
    print(f"share of CPU: {100 * cpu_share():.1f} %  (reach 15)")
    if options.readme:
        write_readme(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
