"""The byte-locked vectors: how vectors/messages.json and hails.json are made, and read again.

Only `python tests/wire/write_vectors.py` writes it. A message is JSON, bytes in it as {"hex": "..."}.
"""

import json
from binascii import hexlify, unhexlify

from gridnode.wire import WireError, cbor, packet, schema
from gridnode.wire import channel as hails
from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, PACKET_MAX, encode

NAME, KEY, SLOT = "home-1", bytes(range(32)), 1
NODE_NONCE, HOST_NONCE = unhexlify("0000000300c0ffee"), unhexlify("a1a2a3a4a5a6a7a8")
FROM_HOST = (schema.WELCOME, schema.CALL, schema.ACK, schema.PING, schema.REQUEST, schema.STORE, schema.FETCH)
FROM_HOST += (schema.MEASURE, schema.WANT)
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


def material(label):
    """Key and salt of "up", "down" or "lone" of the vectors' session."""
    nonces = NODE_NONCE if label == "lone" else NODE_NONCE + HOST_NONCE
    return hails.direction(hails.pseudorandom(KEY), label.encode(), nonces)


def layers(message, counter):
    """(body, packet, frame) of a message in the vectors' session, each made by its own layer."""
    buffer = bytearray(PACKET_MAX + CRC_BYTES)
    body = bytes(buffer[: cbor.put(buffer, 0, message)])
    start = packet.put_header(buffer, SLOT, counter)
    buffer[start : start + len(body)] = body
    seal = hails.sealer(material("down" if message[0] in FROM_HOST else "up")).seal
    end = seal(buffer, start, start + len(body), counter)
    return body, bytes(buffer[:end]), framed(bytes(buffer[:end]))


def framed(whole):
    """The frame of a packet."""
    out = bytearray(FRAME_MAX)
    return bytes(out[: encode(bytearray(whole) + bytearray(CRC_BYTES), len(whole), out)])


def agreement():
    """How the vectors' session comes about, by name."""
    prk, address = hails.pseudorandom(KEY), hails.address_of(NAME).to_bytes(2, "big")
    version = bytes((schema.WIRE_VERSION,))
    offer = hails.OFFER + version + bytes((SLOT,)) + address + NODE_NONCE
    welcome = hails.WELCOME + version + bytes((SLOT,)) + address + HOST_NONCE
    return {
        "name": NAME,
        "slot": SLOT,
        "key": hexed(KEY),
        "address": hexed(address),
        "node_nonce": hexed(NODE_NONCE),
        "host_nonce": hexed(HOST_NONCE),
        "pseudorandom_key": hexed(prk),
        "call": hexed(hails.CALL + version),
        "offer": hexed(offer + hails.hail_tag(prk, offer)),
        "offer_of_a_blank_node": hexed(
            hails.OFFER + version + b"\x00" + address + NODE_NONCE + hails.BLANK + NAME.encode()
        ),
        "welcome": hexed(welcome + hails.welcome_tag(material("down"), welcome)),
        "up": hexed(material("up")),
        "down": hexed(material("down")),
        "lone": hexed(material("lone")),
    }


def offer_and_welcome():
    """Both, framed, of the session that `layers` seals for."""
    return [framed(bytes.fromhex(agreement()[name])) for name in ("offer", "welcome")]
