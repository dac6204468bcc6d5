"""CBOR of the wire: what goes in comes out, in the shortest form only; encoding integers takes no memory."""

import gc
import sys

from fuzz import Fuzzer
from hostile import Dice
from vector_files import refuses

from gridnode.wire import WireError, cbor, schema, session

EDGES = (0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296, schema.INT_MAX, (1 << 64) - 1)
SIZES = (1, 1, 2, 2, 3, 3, 5, 5, 9, 9, 9)


def encoded(value, size=600):
    buffer = bytearray(size)
    return bytes(buffer[: cbor.put(buffer, 0, value)])


def test_integers_at_the_edges_of_every_size():
    for value, size in zip(EDGES, SIZES):
        for signed in (value, -1 - value):
            data = encoded(signed)
            assert len(data) == size and cbor.decode(data) == signed


def test_items_come_back_with_their_types():
    plain = (None, True, False, 0, -1, b"", b"\x00\xff", "", "\u00e4\u20ac")
    for item in plain + ([], [1, "a", b"b", None, True], [[], ["x"]]):
        back = cbor.decode(encoded(item))
        assert back == item and type(back) is type(item)
    assert cbor.decode(encoded((1, 2))) == [1, 2]


def test_an_integer_beyond_64_bits_is_refused():
    for value in (1 << 64, -(1 << 64) - 1):
        assert refuses(encoded, value)


def test_a_type_that_the_wire_has_not_is_the_programmers_error():
    for value in (1.5, {}, {1}):
        try:
            encoded(value)
        except TypeError:
            continue
        raise AssertionError(value)


def test_a_buffer_that_is_too_short_is_said_and_nothing_written_behind_it():
    for item in (70000, b"12345", "12345", [1, 2, 3], None):
        need = len(encoded(item))
        assert len(encoded(item, need)) == need
        for size in range(need):
            buffer = bytearray(need + 4)
            try:
                cbor.put(memoryview(buffer)[:size], 0, item)
                raise AssertionError((item, size))
            except WireError:
                assert buffer[size:] == bytes(need + 4 - size)


def test_every_cut_and_every_extension_of_a_message_is_refused():
    data = encoded([7, 3600000, -5, "text", b"bytes", None, ["a", "b"]])
    assert not refuses(cbor.decode, data)
    for size in range(len(data)):
        assert refuses(cbor.decode, data[:size])
    for extra in range(256):
        assert refuses(cbor.decode, data + bytes((extra,)))


def test_depth_and_length_are_bounded():
    assert cbor.decode(encoded([[1]])) == [[1]]
    assert refuses(cbor.decode, b"\x81\x81\x81\x01")
    assert refuses(cbor.decode, b"\x81" * 5000 + b"\x01")
    assert len(cbor.decode(b"\x98\x20" + bytes(32))) == 32
    assert refuses(cbor.decode, b"\x98\x21" + bytes(33))


def test_every_first_byte_alone_and_before_zeros_is_taken_or_refused():
    taken = [first for first in range(256) if not refuses(cbor.decode, bytes((first,)))]
    assert taken == list(range(24)) + list(range(0x20, 0x38)) + [0x40, 0x60, 0x80, 0xF4, 0xF5, 0xF6]
    for first in range(256):
        for zeros in range(1, 40):
            data = bytes((first,)) + bytes(zeros)
            if not refuses(cbor.decode, data):
                assert encoded(cbor.decode(data)) == data


def test_encoding_integers_allocates_nothing():
    if sys.implementation.name != "micropython":
        return  # CPython's integers are objects
    buffer = bytearray(96)
    message = [schema.INTERVAL, 100000, 1, 360000, 60000, 123456789, 77700000, -1200000, 0, 12, 229800, 5300, 50012, 0]
    cbor.put(buffer, 0, message)
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        for _ in range(100):
            cbor.put(buffer, 0, message)
            cbor.put_int(buffer, 0, -70000)
        after = gc.mem_alloc()
    finally:
        gc.enable()
    assert after == before, after - before


def test_the_schema_names_the_field_that_is_wrong():
    for fields, word in (
        ([1], "wrong number of fields: ack"),
        ([-1, 0, 0, 0], "bad field: ack.journal_epoch"),
        ([0, 0, True, 0], "bad field: ack.bitmap"),
        ([0, 0, 0, 1 << 63], "bad field: ack.credit_bytes"),
    ):
        try:
            session.decode(encoded([schema.ACK] + fields))
            raise AssertionError(fields)
        except WireError as error:
            assert str(error) == word


def test_the_schema_bounds_names_texts_and_bytes():
    request = [schema.REQUEST, 1, 2, 3, 1, 900, 5]
    schema.check(request)
    for target in (3, None, -1):
        assert refuses(schema.check, request[:4] + [target] + request[5:])
    hello = [schema.HELLO, 1, b"", "n", "b", "f", 0, "r", 0, 0, 1, 263, 1, 0, 0, 60, 900, [], [], 0]
    schema.check(hello)
    for index, good, bad in (
        (2, b"d" * 32, b"d" * 33),
        (3, "n" * 32, "\u20ac" * 11),
        (17, ["c"] * 8, ["c"] * 9),
        (17, [""], [b""]),
        (18, ["k" * 32], ["k" * 33]),
    ):
        schema.check(hello[:index] + [good] + hello[index + 1 :])
        assert refuses(schema.check, hello[:index] + [bad] + hello[index + 1 :])
    store = [schema.STORE, 1, 2, 0]
    schema.check(store + [b"b" * schema.BLOB_MAX, 5])
    for body in (b"b" * (schema.BLOB_MAX + 1), "text", None, []):
        assert refuses(schema.check, store + [body, 5])
    for message in (None, [], [True, 1], [99], ["ack"], {}):
        assert refuses(schema.check, message)


def test_damaged_bodies_are_refused_or_mean_what_they_say():
    fuzzer = Fuzzer(Dice(5).below)
    buffer = bytearray(1024)
    accepted = 0
    for _ in range(4000):
        body = fuzzer.body()
        try:
            item = cbor.decode(body)
        except WireError:
            continue
        assert bytes(buffer[: cbor.put(buffer, 0, item)]) == body
        try:
            accepted += session.decode(body) == item
        except WireError:
            pass
    assert accepted > 400
