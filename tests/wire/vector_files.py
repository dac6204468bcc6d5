"""The byte-locked vectors: how vectors/messages.json is made of the messages, and read again.

Only `python tests/wire/write_vectors.py` writes it. A message is JSON, bytes in it as {"hex": "..."}.
"""

import json
from binascii import hexlify, unhexlify

from gridnode.wire import WireError, cbor, packet
from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, PACKET_MAX, encode

FOLDER = __file__.rsplit("/", 1)[0] + "/vectors/"


def refuses(decode, data):
    """Whether `decode` raises WireError on `data`."""
    try:
        decode(data)
    except WireError:
        return True
    return False


def hexed(data):
    return hexlify(bytes(data)).decode()


def read(name):
    with open(FOLDER + name) as file:
        return json.load(file)


def as_json(item):
    if isinstance(item, list):
        return [as_json(inner) for inner in item]
    return {"hex": hexed(item)} if isinstance(item, bytes) else item


def from_json(item):
    if isinstance(item, list):
        return [from_json(inner) for inner in item]
    return unhexlify(item["hex"]) if isinstance(item, dict) else item


def layers(message, counter):
    """(body, packet, frame) of a message, each made by its own layer."""
    buffer = bytearray(PACKET_MAX + CRC_BYTES)
    body = bytes(buffer[: cbor.put(buffer, 0, message)])
    start = packet.put_header(buffer, 0, counter)
    buffer[start : start + len(body)] = body
    end = packet.put_tag(buffer, start + len(body))
    whole = bytes(buffer[:end])
    out = bytearray(FRAME_MAX)
    return body, whole, bytes(out[: encode(buffer, end, out)])
