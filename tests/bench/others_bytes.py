"""The same readings as others would send them, in whole packets: SenML-CBOR, Cayenne LPP, Meshtastic's telemetry.

A reading is a minute's end and two energy registers. Each way is taken at its best for these readings: no names longer
than needed, no battery or position beside, no acknowledgements. Packet headers are zeros.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import cbor2

LORAWAN_BYTES = 13  # MHDR 1, DevAddr 4, FCtrl 1, FCnt 2, FPort 1, MIC 4 (LoRaWAN 1.0.4, section 4)
MESHTASTIC_BYTES = 16  # to 4, from 4, id 4, flags 1, channel 1, next hop 1, relay 1 (its RadioInterface PacketHeader)
TELEMETRY_APP = 67


class Reading(NamedTuple):
    """A minute's end, and what the registers say then."""

    unix_s: int
    import_mwh: int
    export_mwh: int


def senml(readings: Sequence[Reading]) -> bytes:
    """RFC 8428 in CBOR, all of a batch in one pack, over LoRaWAN: integer labels (bn -2, bt -3, bu -4, n 0, v 2, t 6),
    base time and unit once, each value in Wh as a CBOR number."""
    base = readings[0].unix_s
    records = []
    for reading in readings:
        for name, mwh in (("i", reading.import_mwh), ("e", reading.export_mwh)):
            records.append({0: name, 2: mwh // 1000, 6: reading.unix_s - base})
    records[0] = {-2: "home-1/", -3: base, -4: "Wh"} | records[0]
    return bytes(LORAWAN_BYTES) + cbor2.dumps(records)


def cayenne(reading: Reading) -> bytes:
    """Cayenne LPP with the extended types that most libraries have, over LoRaWAN: energy (131, 4 bytes, Wh) twice. A
    payload has no times of its own, so each reading is one packet, sent when it is made."""
    values = (reading.import_mwh, reading.export_mwh)
    payload = b"".join(struct.pack(">BBI", channel, 131, mwh // 1000) for channel, mwh in enumerate(values))
    return bytes(LORAWAN_BYTES) + payload


def meshtastic(reading: Reading) -> bytes:
    """Its Telemetry message (time as fixed32) with PowerMetrics, in a Data message for port 67, behind its header.
    It has no registers: two of its floats stand for them, although they would not hold these numbers."""
    metrics = b"".join(
        _field(number, 5) + struct.pack("<f", mwh / 1e6)
        for number, mwh in ((1, reading.import_mwh), (2, reading.export_mwh))
    )
    telemetry = _field(1, 5) + struct.pack("<I", reading.unix_s) + _field(5, 2) + bytes([len(metrics)]) + metrics
    data = _field(1, 0) + bytes([TELEMETRY_APP]) + _field(2, 2) + bytes([len(telemetry)]) + telemetry
    return bytes(MESHTASTIC_BYTES) + data


def _field(number: int, wire_type: int) -> bytes:
    """A protobuf key."""
    return bytes([number << 3 | wire_type])
