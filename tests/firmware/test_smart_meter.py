"""Telegrams of smart meters (DSMR P1, SML): read in any pieces, refused when damaged, booked by the registers."""

import gc
import sys

from gridnode.drivers.crc16 import ARC, CCITT, crc16
from gridnode.drivers.dsmr_p1 import P1Reader
from gridnode.drivers.smart_meter import SILENT_MS, SmartMeter
from gridnode.drivers.sml import SmlReader
from gridnode.metering.channel import Channel
from gridnode.metering.told_window import NO_ANSWER, UNBELIEVABLE, ToldWindow
from gridnode.metering.window import SHORT_WINDOW

STEP_MS = 10


class Chance:
    """Seeded numbers, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


def crc_by_bits(octets, crc, polynomial):
    """The polynomial's own way, most significant bit first, over mirrored bits: not the reader's arithmetic."""
    crc = mirrored(crc, 16)
    for octet in octets:
        crc ^= mirrored(octet, 8) << 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial) & 0xFFFF if crc & 0x8000 else crc << 1
    return mirrored(crc, 16)


def mirrored(value, bits):
    turned = 0
    for _ in range(bits):
        turned = turned << 1 | value & 1
        value >>= 1
    return turned


def p1(import_wh=4_321_987, export_wh=0, watts=1193, more=()):
    """A telegram as a meter of the fifth generation sends it, but its serial numbers."""
    lines = ["/XMX5LGBBFG1009", "", "1-3:0.2.8(50)", "0-0:1.0.0(260711120015S)", "0-0:96.14.0(0002)"]
    low, high = import_wh // 3, import_wh - import_wh // 3
    lines += ["1-0:1.8.1(%06d.%03d*kWh)" % (low // 1000, low % 1000)]
    lines += ["1-0:1.8.2(%06d.%03d*kWh)" % (high // 1000, high % 1000)]
    lines += ["1-0:2.8.1(%06d.%03d*kWh)" % (export_wh // 1000, export_wh % 1000), "1-0:2.8.2(000000.000*kWh)"]
    out, into = max(watts, 0), max(-watts, 0)
    lines += [
        "1-0:1.7.0(%02d.%03d*kW)" % (out // 1000, out % 1000),
        "1-0:2.7.0(%02d.%03d*kW)" % (into // 1000, into % 1000),
    ]
    lines += ["1-0:99.97.0(2)(0-0:96.7.19)(101208152415W)(0000000240*s)(101208151004W)(0000000301*s)"]
    lines += ["1-0:32.32.0(00002)", "0-0:96.13.0(%s)" % ("3031" * 40), "1-0:32.7.0(230.4*V)", "1-0:31.7.0(005*A)"]
    lines += list(more)
    lines += ["0-1:24.1.0(003)", "0-1:24.2.1(260711120000S)(12785.123*m3)", "!"]
    text = "\r\n".join(lines).encode()
    return text + b"%04X\r\n" % crc_by_bits(text, 0, 0x8005)


def resealed(telegram):
    text = telegram[:-6]
    return text + b"%04X\r\n" % crc_by_bits(text, 0, 0x8005)


def element(kind, octets):
    return bytes((kind << 4 | len(octets) + 1,)) + octets


def number(value, size=8, kind=5):
    return element(kind, (value & (1 << 8 * size) - 1).to_bytes(size, "big"))


def entry(code, unit, scaler, value):
    name = b"\x01\x00" + bytes(code) + b"\xff"
    # a list of seven: name, status (left out), time (a list: seconds), unit, scaler, value, signature (left out)
    return (
        b"\x77" + element(0, name) + b"\x01" + b"\x72\x62\x01\x65\x01\x02\x03\x04"
        + number(unit, 1, 6) + number(scaler, 1) + value + b"\x01"
    )  # fmt: skip


def sml(import_tenths=43_219_876, export_tenths=0, watts=1193, more=(), tail=b""):
    """One GetList response between an open and a close response, as transport version 1 carries it."""
    entries = [
        b"\x77" + element(0, b"\x81\x81\xc7\x82\x03\xff") + b"\x01\x01\x01\x01" + element(0, b"ISK") + b"\x01",
        entry((1, 8, 0), 30, -1, number(import_tenths, 8)),
        entry((2, 8, 0), 30, -1, number(export_tenths, 5, 6)),
        entry((16, 7, 0), 27, 0, number(watts, 4)),
    ] + list(more)
    body = b"\x76\x05\x01\x02\x03\x04\x62\x00\x62\x00\x72\x63\x01\x01\x76\x01\x01\x01\x01\x01\x01\x63\x12\x34\x00"
    body += b"\x76\x05\x01\x02\x03\x05\x62\x00\x62\x00\x72\x63\x07\x01\x77\x01" + element(0, b"server") + b"\x01\x01"
    body += bytes((0x70 | len(entries),)) + b"".join(entries) + b"\x01\x01\x63\x56\x78\x00" + tail
    fill = -len(body) % 4
    body = (body + bytes(fill)).replace(b"\x1b" * 4, b"\x1b" * 8)
    octets = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" + body + b"\x1b\x1b\x1b\x1b\x1a" + bytes((fill,))
    crc = crc_by_bits(octets, 0xFFFF, 0x1021) ^ 0xFFFF
    return octets + bytes((crc & 255, crc >> 8))


KINDS = ((P1Reader, p1), (SmlReader, sml))


class Line:
    """What the meter sends: `at[now_ms]` octets; gone: the port has been pulled out."""

    def __init__(self):
        self.waiting = b""
        self.gone = False

    def readinto(self, buffer):
        if self.gone:
            raise OSError(5)
        part = self.waiting[: len(buffer)]
        self.waiting = self.waiting[len(part) :]
        buffer[: len(part)] = part
        return len(part) or None


class Rig:
    """A meter that says `telegram()` every `period_ms`, its driver and a channel, stepped every 10 ms."""

    def __init__(self, reader, telegram, period_ms=1000):
        self.line = Line()
        self.telegram, self.period_ms = telegram, period_ms
        self.now_ms = 0
        self.channel = Channel("grid", ToldWindow())
        self.meter = SmartMeter(self.line, reader, self.channel, 0)

    def run(self, until_ms):
        while self.now_ms < until_ms:
            self.now_ms += STEP_MS
            if self.now_ms % self.period_ms == 0:
                self.line.waiting += self.telegram()
            for _ in range(2):  # as much as a step's time lets through
                self.meter.pump(self.now_ms * 1000)

    def figures(self):
        return self.channel.live()[1:]


def test_the_crcs_are_those_of_the_catalogue():
    assert crc16(b"123456789", 9, 0, ARC) == 0xBB3D
    assert crc16(b"123456789", 9, 0xFFFF, CCITT) ^ 0xFFFF == 0x906E
    assert crc16(b"456789", 6, crc16(b"123", 3, 0, ARC), ARC) == 0xBB3D


def test_a_telegram_says_the_same_in_pieces_of_any_size():
    for make, telegram in KINDS:
        octets = telegram()
        whole = make()
        assert whole.feed(octets, len(octets))
        assert len(whole.found) >= 3
        for size in (1, 2, 3, 7, 63, 64, 65, 128, 999):
            reader = make()
            wholes = 0
            for at in range(0, len(octets), size):
                piece = octets[at : at + size] + b"/!\n\x1b\x1a"  # behind n: not to be looked at
                wholes += reader.feed(piece, len(piece) - 5)
            assert (wholes, reader.found, reader.refusal) == (1, whole.found, ""), size


def test_figures_of_dsmr_p1():
    rig = Rig(P1Reader(), p1)
    rig.run(3500)
    # the first telegram only says where the registers stand
    assert rig.channel.live() == (3000, 0, 0, 1_193_000, None, None, 230_400, 5000, None, 0)
    assert rig.meter.windows == 2 and rig.meter.fault == ""


def test_figures_of_sml():
    more = (
        entry((32, 7, 0), 35, -1, number(2304, 2, 6)),
        entry((31, 7, 0), 33, -2, number(521, 2, 6)),
        entry((14, 7, 0), 44, -1, number(499, 2, 6)),
    )
    rig = Rig(SmlReader(), lambda: sml(watts=-1193, more=more))
    rig.run(3500)
    assert rig.channel.live() == (3000, 0, 0, -1_193_000, None, None, 230_400, 5210, 49_900, 0)


def test_with_three_phases_the_current_is_not_that_of_one():
    more = ("1-0:52.7.0(229.0*V)", "1-0:3.7.0(00.100*kVAr)", "1-0:4.7.0(00.350*kVAr)", "1-0:14.7.0(50.01*Hz)")
    rig = Rig(P1Reader(), lambda: p1(more=more))
    rig.run(2500)
    assert rig.figures()[3:] == (-250_000, None, 230_400, None, 50_010, 0)


def test_a_figure_that_is_no_longer_told_is_forgotten():
    rig = Rig(P1Reader(), p1)
    rig.run(2500)
    assert rig.figures()[6] == 5000
    rig.telegram = lambda: p1(more=("1-0:52.7.0(229.0*V)",))
    rig.run(3500)
    assert rig.meter.windows == 2 and rig.figures()[6] is None


def test_energy_is_what_the_registers_have_gained_to_the_watt_hour():
    for make, telegram, unit_mwh in ((P1Reader, p1, 1000), (SmlReader, sml, 100)):
        chance = Chance(7)
        stands = [4_321_987, 99_123]

        def say(stands=stands, chance=chance, telegram=telegram):
            stands[0] += chance.below(5)
            stands[1] += chance.below(3)
            return telegram(stands[0], stands[1])

        rig = Rig(make(), say)
        rig.run(1500)
        before = list(stands)
        rig.run(60_500)
        energy = rig.channel.energy
        assert energy.import_mwh == (stands[0] - before[0]) * unit_mwh > 0
        assert energy.export_mwh == (stands[1] - before[1]) * unit_mwh > 0
        assert rig.channel.take_interval()[:2] == (60_000, 60_000)


def test_a_total_goes_before_tariffs_and_tariffs_are_added():
    tariffs = (entry((1, 8, 1), 30, 0, number(7000, 4)), entry((1, 8, 2), 30, 0, number(5000, 4)))
    reader = SmlReader()
    octets = sml(more=tariffs)
    rig = Rig(reader, lambda: octets)
    rig.run(1500)
    rig.telegram = lambda: sml(43_219_886, more=tariffs)  # only the total moves
    rig.run(2500)
    assert rig.channel.energy.import_mwh == 1000


def test_the_power_without_a_sign_counts_where_the_meter_has_no_export():
    size = entry((15, 7, 0), 27, -1, number(1234, 4))
    only_import = [entry((1, 8, 0), 30, -1, number(1000, 8)), size]
    both = only_import + [entry((2, 8, 0), 30, -1, number(1000, 8))]
    for entries, power_mw in ((only_import, 123_400), (both, None)):
        body = b"\x76\x05\x01\x02\x03\x05\x62\x00\x62\x00\x72\x63\x07\x01\x77\x01\x01\x01\x01"
        body += bytes((0x70 | len(entries),)) + b"".join(entries) + b"\x01\x01\x63\x56\x78\x00"
        octets = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" + body + b"\x1b\x1b\x1b\x1b\x1a\x00"
        crc = crc_by_bits(octets, 0xFFFF, 0x1021) ^ 0xFFFF
        octets += bytes((crc & 255, crc >> 8))
        rig = Rig(SmlReader(), lambda octets=octets: octets)
        rig.run(3500)
        assert rig.meter.windows == 2 and rig.figures()[2] == power_mw


def test_an_escape_among_the_figures_is_no_escape():
    for value in (0x1B1B1B1B, 0x1B1B1B1B1B, 0x1B1B1B1B1A, 0x1B1B1B1B01010101):
        reader = SmlReader()
        octets = sml(more=(entry((14, 7, 0), 44, -3, number(value)),))
        assert reader.feed(octets, len(octets))
        assert reader.found[b"\x0e\x07\x00"] == value


def test_what_is_damaged_is_not_taken():
    for make, say in KINDS:
        taken = 0
        whole = say()

        def telegram(whole=whole):
            return whole

        for seed in range(150):
            chance = Chance(seed)
            octets = telegram()
            kind = chance.below(4)
            at = chance.below(len(octets) - 10)
            if kind == 0:
                octets = octets[:at] + bytes((octets[at] ^ 1 << chance.below(8),)) + octets[at + 1 :]
            elif kind == 1:
                octets = octets[:at] + octets[at + 1 + chance.below(9) :]
            elif kind == 2:
                octets = octets[:at] + bytes([chance.below(256) for _ in range(1 + chance.below(9))]) + octets[at:]
            else:
                octets = octets[:at] + octets  # it began anew
            reader = make()
            right = make()
            right.feed(telegram(), len(telegram()))
            if reader.feed(octets, len(octets)):
                taken += 1
                assert reader.found == right.found, seed
            assert make().feed(telegram(), len(telegram()))
            again = reader.feed(whole * 2, 2 * len(whole))  # the one after at the latest is read again
            assert again and reader.refusal == ""
        assert taken < 75, taken


def test_noise_of_any_kind_is_borne():
    for make, telegram in KINDS:
        reader = make()
        chance = Chance(11)
        for _ in range(300):
            noise = bytes([(0x1B, 0x1A, 0x01, 0x2F, 0x21, 0x0A, chance.below(256))[chance.below(7)] for _ in range(64)])
            reader.feed(noise, len(noise))
        reader.feed(b"\n" + bytes(8), 9)
        assert reader.feed(telegram() * 2, 2 * len(telegram()))


def hostile_elements():
    yield b"\xf0\xff\xff\xff"  # a list that does not end
    yield b"\x71" * 820  # lists in lists
    yield b"\x80" * 60  # a length that does not end
    yield b"\x69" + bytes(3)  # shorter than it says


def test_what_is_not_sml_inside_a_right_crc_is_left():
    for tail in hostile_elements():
        more = (b"\x77\x07\x01\x00\x0e\x07\x00\xff" + tail,)
        reader = SmlReader()
        octets = sml(more=more)
        assert reader.feed(octets, len(octets))
        assert b"\x0e\x07\x00" not in reader.found and reader.found[b"\x10\x07\x00"] == 1_193_000


def test_numbers_of_any_size_and_scale_are_read_or_left():
    long_octets = b"\x81\x02" + bytes(16)  # a length of two nibbles: 18 with itself
    for octets, value in (
        (entry((14, 7, 0), 44, -4, number(499_987, 4)), 49_998),
        (entry((14, 7, 0), 44, 0, number(50, 12)), None),
        (entry((14, 7, 0), 44, 100, number(50)), None),
        (entry((14, 7, 0), 44, -100, number(50)), None),
        (entry((14, 7, 0), 45, 0, number(50)), None),
        (entry((14, 7, 0), 44, 0, element(0, b"50")), None),
        (entry((14, 7, 0), 44, 0, number(50)).replace(b"\xff\x01", b"\xff" + long_octets), 50_000),
    ):
        reader = SmlReader()
        telegram = sml(more=(octets,))
        assert reader.feed(telegram, len(telegram))
        assert reader.found.get(b"\x0e\x07\x00") == value, octets
    reader = SmlReader()
    telegram = sml(tail=b"\x77\x07\x01\x00\x0e\x07\x00\xff\x01\x01\x62\x2c\x52\x00\x69\x00")  # ends too early
    assert reader.feed(telegram, len(telegram)) and b"\x0e\x07\x00" not in reader.found


def test_nothing_of_a_damaged_telegram_is_left_for_the_next():
    for make, damaged, whole in (
        (P1Reader, p1(more=("1-0:14.7.0(50.01*Hz)",)), p1()),
        (SmlReader, sml(more=(entry((14, 7, 0), 44, 0, number(50)),)), sml()),
    ):
        reader = make()
        wrong = damaged[:40] + b"?" + damaged[41:]
        assert not reader.feed(wrong, len(wrong)) and reader.refusal
        assert reader.feed(whole, len(whole)) and b"\x0e\x07\x00" not in reader.found


def test_a_register_that_is_left_out_for_a_while_is_counted_on():
    stands = [1000]
    rig = Rig(P1Reader(), lambda: p1(stands[0]))
    rig.run(1500)
    assert rig.figures()[-1] == SHORT_WINDOW  # nothing is wrong with the first telegram
    whole, rig.telegram = rig.telegram, lambda: resealed(p1(stands[0]).replace(b"1-0:1.8.", b"1-0:9.8."))
    rig.run(2500)
    assert rig.meter.windows == 1 and rig.channel.energy.import_mwh == 0
    stands[0] += 7
    rig.telegram = whole
    rig.run(3500)
    assert rig.channel.energy.import_mwh == 7000


def test_figures_that_cannot_be_are_not_told():
    for more in (
        entry((32, 7, 0), 35, 9, number(1 << 60)),
        entry((32, 7, 0), 35, 0, number(-230, 2)),
        entry((14, 7, 0), 44, 0, number(70_000, 4)),
        entry((16, 7, 0), 27, 3, number(1 << 30, 8)),
    ):
        rig = Rig(SmlReader(), lambda more=more: sml(more=(more,)))
        rig.run(5500)
        assert rig.meter.windows == 0 and rig.figures()[2] is None
        assert rig.figures()[-1] == SHORT_WINDOW | UNBELIEVABLE and "cannot be" in rig.meter.fault


def test_registers_that_go_back_or_leap_are_another_meters():
    stands = [4_321_987]
    rig = Rig(P1Reader(), lambda: p1(stands[0]))
    rig.run(2500)
    for stand in (17, 900_000_000):
        stands[0] = stand
        rig.run(rig.now_ms + 500)
        assert rig.figures()[2] is None and rig.figures()[-1] == SHORT_WINDOW | UNBELIEVABLE
        rig.run(rig.now_ms + 500)
    assert rig.channel.energy.import_mwh == 0
    stands[0] += 3
    rig.run(rig.now_ms + 1000)
    assert rig.channel.energy.import_mwh == 3000 and rig.meter.fault == ""


def test_silence_is_time_without_figures_and_no_energy_is_lost():
    for make, telegram, unit_mwh in ((P1Reader, p1, 1000), (SmlReader, sml, 100)):
        stands = [4_321_987]
        rig = Rig(make(), lambda stands=stands, telegram=telegram: telegram(stands[0]))
        rig.run(3500)
        says, rig.telegram = rig.telegram, bytes
        rig.run(2000 + SILENT_MS)
        assert rig.figures()[2] == 1_193_000 and rig.meter.fault == ""  # no older than a meter may be
        rig.run(60_500)
        assert rig.figures()[2:] == (None,) * 6 + (SHORT_WINDOW | NO_ANSWER,)
        assert "silent" in rig.meter.fault
        assert rig.channel.end_us >= 59_000_000  # intervals go on
        stands[0] += 70
        rig.telegram = says
        rig.run(62_500)
        assert rig.channel.energy.import_mwh == 70 * unit_mwh and rig.meter.fault == ""
        assert rig.channel.take_interval()[1] == 62_000


def test_what_is_garbled_or_has_no_crc_says_what_to_check():
    for reader, telegram, words in (
        (P1Reader(), p1().replace(b"1-0", b"1-1"), "damaged"),
        (P1Reader(), p1()[:-6] + b"\r\n", "without a CRC"),
        (P1Reader(), b"\x55\xaa\n" * 30, "rate, parity and polarity"),
        (SmlReader(), sml().replace(b"ISK", b"ISX"), "damaged"),
        (SmlReader(), sml(tail=bytes(1100)), "not an SML"),
        (SmlReader(), p1(), "rate, parity and polarity"),
    ):
        rig = Rig(reader, lambda telegram=telegram: telegram)
        rig.run(30_000)
        assert rig.meter.windows == 0 and words in rig.meter.fault, rig.meter.fault
        assert rig.figures()[-1] == SHORT_WINDOW | NO_ANSWER


def test_a_port_that_is_pulled_out_stops_nothing():
    rig = Rig(P1Reader(), p1)
    rig.run(2500)
    rig.line.gone = True
    rig.run(40_500)
    assert rig.figures()[-1] == SHORT_WINDOW | NO_ANSWER
    rig.line.gone = False
    rig.line.waiting = b""
    rig.run(43_500)
    assert rig.figures()[2] == 1_193_000 and rig.figures()[-1] == 0


def test_a_line_that_never_falls_silent_holds_nobody_up():
    class Babble:
        reads = 0

        def readinto(self, buffer):
            self.reads += 1
            return len(buffer)

    line = Babble()
    SmartMeter(line, SmlReader(), Channel("grid", ToldWindow()), 0).pump(0)
    assert 0 < line.reads <= 16


def test_waiting_allocates_nothing():
    class Quiet:
        def readinto(self, buffer):
            return None

    def allocated():
        return gc.mem_alloc() if sys.implementation.name == "micropython" else 0

    meter = SmartMeter(Quiet(), P1Reader(), Channel("grid", ToldWindow()), 0)
    meter.pump(100)
    gc.collect()
    gc.disable()
    try:
        before = allocated()
        for _ in range(20):
            meter.pump(1_500_000)
        assert allocated() == before
    finally:
        gc.enable()
