"""The wire's bytes are those of the vectors, and what the vectors refuse is refused."""

from binascii import unhexlify

import messages
import vector_files
from sealed import Chance
from vector_files import refuses

from gridnode.wire import cbor, packet, schema, session
from gridnode.wire.channel import NodeChannel, sealer
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_channel import HostChannel


def test_every_message_has_its_bytes():
    rows = vector_files.read("messages.json")
    for row in rows:
        message = vector_files.from_json(row["message"])
        made = [vector_files.hexed(layer) for layer in vector_files.layers(message, row["counter"])]
        assert made == [row["body"], row["packet"], row["frame"]], row["name"]
    assert {row["message"][0] for row in rows} == set(schema.MESSAGES)


def test_every_frame_gives_its_message():
    decoder = FrameDecoder()
    up, down = [sealer(vector_files.material(label)) for label in ("up", "down")]
    for row in vector_files.read("messages.json"):
        (received,) = decoder.feed(unhexlify(row["frame"]))
        assert vector_files.hexed(received) == row["packet"], row["name"]
        slot, counter, start = packet.header(received)
        assert (slot, counter) == (vector_files.SLOT, row["counter"])
        opener = down if row["message"][0] in vector_files.FROM_HOST else up
        body = bytes(opener.open(received, start, counter))
        assert vector_files.hexed(body) == row["body"], row["name"]
        assert session.decode(body) == vector_files.from_json(row["message"]), row["name"]
    assert decoder.dropped == 0


def test_the_ends_agree_as_the_vectors_do():
    hails = vector_files.read("hails.json")
    assert hails == vector_files.agreement()
    chance = int.from_bytes(unhexlify(hails["node_nonce"])[4:], "big")
    keys = [(hails["slot"], unhexlify(hails["key"]))]
    node = NodeChannel(hails["name"], keys, 3, lambda bits: chance)
    host = HostChannel(hails["name"], keys, random=lambda count: unhexlify(hails["host_nonce"]))
    offer = bytes(node.packet[: node.offer()])
    assert vector_files.hexed(offer) == hails["offer"]
    assert vector_files.hexed(host.offered(offer)) == hails["welcome"]
    assert node.open(unhexlify(hails["call"])) is None and node.called
    assert node.open(unhexlify(hails["welcome"])) is None and node.sealed
    (pong,) = [row for row in vector_files.read("messages.json") if row["name"] == "pong"]
    node._counter = pong["counter"]
    sealed = bytes(node.packet[: node.message(vector_files.from_json(pong["message"]))])
    assert vector_files.hexed(sealed) == pong["packet"]
    assert vector_files.hexed(host.open(sealed)[0]) == pong["body"]
    blank = NodeChannel(hails["name"], [], 3, Chance(1).bits)
    blank._chance = chance
    assert vector_files.hexed(blank.packet[: blank.offer()]) == hails["offer_of_a_blank_node"]


def test_the_vectors_are_of_the_messages_that_the_tests_use():
    named = [(row["name"], vector_files.from_json(row["message"])) for row in vector_files.read("messages.json")]
    assert named == messages.everything()


def test_rfc_8949_items_are_read_and_written():
    buffer = bytearray(64)
    for text, shown in vector_files.read("cbor.json")["appendix_a_taken"]:
        data, value = unhexlify(text), vector_files.from_json(shown)
        item = cbor.decode(data)
        assert item == value and type(item) is type(value), text
        assert bytes(buffer[: cbor.put(buffer, 0, value)]) == data, text


def test_rfc_8949_items_that_are_not_of_the_wire_are_refused():
    vectors = vector_files.read("cbor.json")
    for text in vectors["appendix_a_refused"] + vectors["not_shortest"] + list(vectors["beyond_the_wire"].values()):
        assert refuses(cbor.decode, unhexlify(text)), text


def test_rfc_8949_ill_formed_inputs_are_refused():
    kinds = vector_files.read("cbor.json")["appendix_f_ill_formed"]
    for kind in kinds:
        for text in kinds[kind]:
            assert refuses(cbor.decode, unhexlify(text)), (kind, text)
            assert refuses(cbor.decode, b"\x82\x01" + unhexlify(text)), (kind, text)
    assert sum([len(kinds[kind]) for kind in kinds]) >= 90
