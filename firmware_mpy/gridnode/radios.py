"""The board's radio -> the link over it, and the session that suits it. Loaded where a board has one, and let go after.

board.LINK: driver and pins, region, power_dbm, antenna_dbi. unit.json may say what is of its network: channel (kHz),
fastest and slowest (spreading factors), sync_word; and of the unit: batch (records), lone (no host answers).
"""


def make_radio(spec: dict, unit: dict, turn_ms: int):
    """The drivers' Radio that board.LINK describes. `turn_ms`: of its scan."""
    driver = spec["driver"]
    if driver == "air":
        from gridnode.drivers.air_radio import AirRadio

        host, _, port = unit["air"].partition(":")
        return AirRadio(host, int(port), unit["name"], tuple(unit["position"]), turn_ms)
    from gridnode.radio_chips import make_chip_radio

    return make_chip_radio(dict(spec, sync_word=unit.get("sync_word", 0x12)))


def make_plan(spec: dict, unit: dict):
    """Of the board's region and the unit's network."""
    from gridnode.link.regions import REGIONS, Plan

    channel = unit.get("channel")
    factors = tuple(range(unit.get("fastest", 7), unit.get("slowest", 10) + 1))
    channels = (channel,) if channel else None
    return Plan(REGIONS[spec["region"]], spec["antenna_dbi"], spec["power_dbm"], channels, factors)


def radio_link(spec: dict, unit: dict, random, pump, now_ms: int) -> tuple:
    """(radio, LoraLink, what makes the session over it). `random(30)` gives bits; `pump()` is called now and then."""
    from gridnode.link.lora import LoraLink

    pump()
    from gridnode.wire.channel import address_of
    from gridnode.wire.node_radio import NodeRadio

    pump()
    plan = make_plan(spec, unit)
    radio = make_radio(spec, unit, plan.turn_ms)
    batch, lone = unit.get("batch", 15), unit.get("lone", False)

    def make_session(channel, journal, hello, command, store, fetch, measure, clock):
        return NodeRadio(channel, journal, hello, command, store, fetch, measure, clock, batch, lone)

    return radio, LoraLink(radio, plan, address_of(unit["name"]), random, now_ms=now_ms), make_session
