"""Harmonics of waves that are made of known ones."""

import math

from waves import NA, NV, RATE, Source

from gridnode.metering.channel import Channel
from gridnode.metering.harmonics import Harmonics, distortion
from gridnode.metering.window import WindowMeter


def channel(nominal=50):
    return Channel("grid", WindowMeter(RATE, nominal, NV, NA, 30_000))


def wave(first, frequency, shares):
    return [(first * share, frequency * order, 17 * order) for order, share in shares]


def found(grid, source, most=40):
    harmonics = Harmonics(grid)
    for _ in range(most):
        if harmonics.ready:
            break
        source.run(40)
    assert harmonics.ready and grid.tap is None
    return harmonics


def test_every_order_is_told_at_any_frequency():
    volts = [(1, 1), (2, 0.01), (3, 0.05), (5, 0.06), (7, 0.04), (9, 0.015)]
    amperes = [(1, 1), (2, 0.2), (3, 0.5), (4, 0.02), (5, 0.3), (6, 0.01), (7, 0.2), (8, 0.03), (9, 0.1)]
    for frequency, nominal in ((50, 50), (49.71, 50), (51.9, 50), (60.37, 60), (45.2, 50)):
        grid = channel(nominal)
        source = Source(grid.feed, wave(230, frequency, volts), wave(8, frequency, amperes))
        source.run(2 * RATE)
        figures = found(grid, source).figures
        told_volts, told_amperes = figures[2:11], figures[11:20]
        for order in range(1, 10):
            share = dict(volts).get(order, 0)
            assert abs(told_volts[order - 1] - 230_000 * share) <= 120, (frequency, order, told_volts)
            share = dict(amperes).get(order, 0)
            assert abs(told_amperes[order - 1] - 8000 * share) <= 12, (frequency, order, told_amperes)
        for thd, shares in ((figures[0], volts), (figures[1], amperes)):
            true = 1e6 * math.sqrt(sum(share**2 for order, share in shares if order > 1))
            assert abs(thd - true) <= 500 + true / 200, (frequency, thd, true)


def test_a_clean_sine_has_next_to_no_distortion():
    grid = channel()
    source = Source(grid.feed, [(230, 50.13, 0)], [(10, 50.13, -30)])
    source.run(RATE)
    figures = found(grid, source).figures
    assert figures[0] < 400 and figures[1] < 800


def test_what_interpolating_takes_from_high_orders_is_given_back():
    grid = channel()
    grid.voltage_fraction = 1 / 3
    volts = [(1, 1), (9, 0.1)]
    source = Source(grid.feed, wave(230, 50, volts), [(1, 50, 0)])
    straight = [
        1 - 2 / 9 * 2 * (1 - math.cos(2 * math.pi * 50 * order / RATE)) for order in (1, 9)
    ]  # |1 - f + f e^jw|^2 with f = 1/3
    source.voltage = [
        (230, 50, 17),
        (23 * math.sqrt(straight[1] / straight[0]), 450, 153),
    ]
    source.run(RATE)
    figures = found(grid, source).figures
    assert abs(figures[2] - 230_000) <= 60 and abs(figures[10] - 23_000) <= 60


def test_without_a_voltage_there_are_none():
    grid = channel()
    source = Source(grid.feed, [], [(10, 50, 0)])
    source.run(RATE)
    assert found(grid, source).figures is None


def test_lost_samples_are_caught_anew():
    grid = channel()
    source = Source(grid.feed, [(230, 50, 0)], [(10, 50, 0)])
    source.run(RATE)
    harmonics = Harmonics(grid)
    source.run(600)
    grid.skip(777)
    source.at += 777
    for _ in range(200):
        if not harmonics.ready:
            source.run(40)
    assert harmonics.ready and harmonics.figures[0] < 400
    assert abs(harmonics.end_ms - (RATE + 600 + 777 + 864) // 4) < 600


def test_memory_is_given_back_and_the_metering_is_the_same():
    grid, other = channel(), channel()
    sources = [Source(each.feed, [(230, 50, 0)], [(10, 50, 0)]) for each in (grid, other)]
    for source in sources:
        source.run(RATE)
    harmonics = found(grid, sources[0])
    sources[1].run(sources[0].at - sources[1].at)
    assert harmonics._voltage is None and harmonics._sines is None
    assert grid.live() == other.live()


def test_distortion_without_a_first_harmonic_is_none():
    assert distortion([0, 5, 5]) == 0
    assert distortion([1000, 30, 40]) == 50_000
