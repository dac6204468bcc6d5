"""A board's literals and a unit's file -> the journal, the contactors and the node of main.py.

Imports stand in the functions: on a microcontroller loading takes time, in which the converter can already sample.
Nothing that lasts may refer to a function of this module: main's program forgets it when the node is made.
"""

import gc
import os
import random


def make_journal(board, unit: dict, folder: str, channels: list):
    """What is kept in flash: records, this boot's number and time, and the registers, with which `channels` go on."""
    from gridnode.node.journal import Journal

    journal = Journal(folder + "/journal", len(channels), _chance(), unit.get("interval_s", 60) * 1000)
    for channel, kept in zip(channels, journal.registers):
        if kept:
            channel.energy.go_on(*kept)
    return journal


def _chance() -> int:
    return int.from_bytes(os.urandom(4), "big") >> 2


def make_contactors(wanted: list, coils: dict, channels: list, locks: int, now_ms: int) -> list:
    """The board's contactors, each driven to its safe state before the next one is made. `locks`: see Journal."""
    from gridnode.switching.contactor import Contactor
    from gridnode.switching.interlock import InterlockGroup
    from gridnode.switching.protection import Protection

    by_name = {channel.name: channel for channel in channels}
    groups = {}
    contactors = []
    for spec in wanted:
        group = None
        if spec["interlock"]:
            group = groups.setdefault(spec["interlock"], InterlockGroup())
        coil, limits = coils[spec["name"]], spec["protection"]
        forbidden = group.others_closed(spec["name"]) if group else None
        contactor = Contactor(spec, coil, forbidden, feedback=coil.feedback)
        if group:
            group.join(contactor)
        contactor.boot(now_ms, bool(locks >> len(contactors) & 1))
        if limits:
            contactor.protection = Protection(limits, by_name[limits["channel"]])
        contactors.append(contactor)
    return contactors


def make_dips(board, channels: list) -> list:
    """A watch for sags and swells of each voltage that is sampled; the channels of a board share one."""
    if channels[0].halves is None:
        return []
    from gridnode.metering.dips import Dips

    return [(0, Dips(channels[0].halves, channels[0].window, board.NOMINAL_VOLTAGE_MV))]


def make_node(board, unit: dict, folder: str, coils: dict, meter, channels: list, journal, cause: str, pump, now):
    """(the node, what to wait for: line to the host, radio, None). `pump()` is called now and then; `now()`: in ms."""
    contactors = make_contactors(board.CONTACTORS, coils, channels, journal.locks, now())
    from gridnode.hardware import make_supply

    pump()
    from gridnode.wire.channel import NodeChannel

    pump()
    from gridnode.node.node import Identity, Node, has_documents

    pump()
    # Two boots never share their chance, not even where a chip has little of it right after power-on.
    random.seed(_chance() ^ journal.boot_epoch)
    stream, link, make_session = _make_link(board, unit, pump, now())
    pump()
    node = Node(
        folder,
        Identity(unit["name"], board.NAME, journal.boot_epoch, journal.boot_time_ms, cause),
        meter,
        channels,
        contactors,
        link,
        NodeChannel(unit["name"], _load_keys(folder), journal.boot_epoch, random.getrandbits),
        journal,
        make_session,
        unit.get("interval_s", 60),
        max([spec["max_hold_s"] for spec in board.CONTACTORS]),
        make_supply(board),
        getattr(gc, "mem_free", None),  # CPython has none
        now,
    )
    if has_documents(folder):
        node.load_documents()
    return node, stream


def _make_link(board, unit: dict, pump, now_ms: int) -> tuple:
    """(what to wait for, None: nothing; the link; what makes the session over it). unit.json may have its own link."""
    spec = unit.get("link", board.LINK)
    if "region" in spec:
        from gridnode.radios import radio_link

        radio, link, make_session = radio_link(spec, unit, random.getrandbits, pump, now_ms)
        return (radio if hasattr(radio, "rest") else None), link, make_session
    from gridnode.hardware import make_stream
    from gridnode.link.serial import SerialLink

    pump()
    from gridnode.wire.node_session import NodeSession

    stream = make_stream(board, unit)
    return stream, SerialLink(stream), NodeSession


def _load_keys(folder: str) -> list:
    from gridnode.node.keys import load_keys

    try:
        keys = load_keys(folder)
        if not keys:
            print("gridnexus: no key, so no host can use this node: gridnexus provision gives it one")
        return keys
    except ValueError as error:
        print("gridnexus: %s" % error)
        return []


def quicken(board, meter, contactors: list, channels: list):
    """Where the meter's samples can be watched, an over-current opens a coil before its half period has ended."""
    if not hasattr(meter, "watch"):
        return
    wanted = []
    for spec, contactor in zip(board.CONTACTORS, contactors):
        if spec["protection"] and spec["protection"]["instant_ma"]:
            from gridnode.switching.quick_trip import QuickTrip

            wanted.append(QuickTrip(contactor, channels.index(contactor.protection.channel) + 1).look)
    if wanted:
        meter.watch(tuple(wanted))


def add_rest(board, folder: str, node, meter, channels: list, now_ms: int):
    """What the first reading need not wait for: quick trips, the watch for sags, and the panel, which is returned."""
    from gridnode.hardware import make_panel
    from gridnode.node.lasting import ERASES, Lasting

    erases = ERASES.get(board.MCU)
    node.lasting = Lasting(node.journal, now_ms, os.statvfs(folder)[3] if erases else 0, erases)
    quicken(board, meter, node.contactors, channels)
    node.dips += make_dips(board, channels)
    return make_panel(board, node.contactors)
