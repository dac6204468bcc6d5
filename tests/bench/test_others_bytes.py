"""What the radio benchmark compares with says the readings that it is given."""

import struct

import cbor2

from tests.bench.others_bytes import LORAWAN_BYTES, MESHTASTIC_BYTES, Reading, cayenne, meshtastic, senml

READINGS = [Reading(1_790_000_060 + 60 * n, 12_345_678 + 4000 * n, 999 + n) for n in range(15)]


def test_senml_resolves_to_the_readings():
    records = cbor2.loads(senml(READINGS)[LORAWAN_BYTES:])
    base_name, base_time, unit = records[0][-2], records[0][-3], records[0][-4]
    told = {(base_name + record[0], base_time + record[6]): record[2] for record in records}
    assert unit == "Wh" and len(told) == 30
    assert all(told["home-1/i", reading.unix_s] == reading.import_mwh // 1000 for reading in READINGS)
    assert all(told["home-1/e", reading.unix_s] == reading.export_mwh // 1000 for reading in READINGS)


def test_cayenne_says_both_registers():
    payload = cayenne(READINGS[0])[LORAWAN_BYTES:]
    assert struct.unpack(">BBIBBI", payload) == (0, 131, 12_345, 1, 131, 0)


def fields(data):
    """A protobuf message's fields: varint, bytes, 32 bits; the keys' bytes are small."""
    found, at = {}, 0
    while at < len(data):
        number, kind = data[at] >> 3, data[at] & 7
        at += 1
        if kind == 0:
            found[number], length = data[at], 1
        elif kind == 2:
            found[number], length = data[at + 1 : at + 1 + data[at]], 1 + data[at]
        else:
            found[number], length = data[at : at + 4], 4
        at += length
    return found


def test_meshtastic_is_a_telemetry_message_with_power_metrics():
    data = fields(meshtastic(READINGS[0])[MESHTASTIC_BYTES:])
    telemetry = fields(data[2])
    metrics = fields(telemetry[5])
    assert data[1] == 67 and struct.unpack("<I", telemetry[1]) == (READINGS[0].unix_s,)
    assert abs(struct.unpack("<f", metrics[1])[0] - 12.345678) < 1e-5
