"""A street with something wrong: begun, played on, and what it then holds, asks and keeps."""

import asyncio

from host_bridge.agent.energy.bills import unbalanced
from host_bridge.store.book_rows import LineRow
from tests.host.agent.energy_kit import Street, sun, table, usual

COARSE_S = 180


def course(folder, play, hour=8.0, config=None, homes=None):
    """A street that has run for an hour, then `play`."""

    async def both():
        street = Street(folder, homes, config, hour)
        street.start()
        try:
            await street.run(1, COARSE_S)
            await play(street)
        finally:
            await street.agent.close()

    asyncio.run(both())


def kinds(street, name):
    return set(street.house(name).standing.causes)


def rung(street, name):
    return street.house(name).standing.rung


async def end_of_leases(street, name):
    """Nothing is asked any more, and what was held has ended: the home runs itself."""
    before = len(street.homes[name].asked)
    await street.run(0.5, COARSE_S)
    assert len(street.homes[name].asked) == before
    assert not any(street.homes[name].closed(each, street.now_s * 1000) for each in street.homes[name].leases)


def balanced(street):
    lines = street.rows_of(LineRow)
    assert lines and unbalanced(lines) == 0
    return lines


def charging(**agent):
    """A tariff that leaves empty batteries no time to lose from eight o'clock on."""
    return table(**agent) | {"tariff": {"buy": ["00:00 10", "09:15 90"], "sell": ["00:00 0"]}}


def dark(count):
    homes = usual(count)
    for home in homes:
        home.solar_w = sun(0)
    return homes


def registers(street, name, at_s):
    rows = [row for row in street.rows[name, 0] if row.time_ms <= at_s * 1000]
    if not rows:
        return 0  # before it was built
    row = max(rows, key=lambda row: row.time_ms)
    assert row.time_ms == at_s * 1000
    return row.energy_import_mwh - row.energy_export_mwh
