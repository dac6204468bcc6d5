"""The bridge's decoder takes the one form that the wire has, of what cbor2 would take in many.

What it makes of millions of bodies is compared with the node's decoder in tests/wire/test_fuzz.py.
"""

from binascii import unhexlify

import pytest

from gridnode.wire import WireError, schema
from host_bridge.decode import decode

RIGHT = f"86 {schema.REGISTERS:02x} 19 1000 00 1a 00123456 18 18 1b 0000000100000000"
REGISTERS = [schema.REGISTERS, 0x1000, 0, 0x123456, 24, 1 << 32]


def test_registers_in_their_one_form_are_taken():
    assert decode(unhexlify(RIGHT.replace(" ", ""))) == REGISTERS


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("86", "9806"),
        ("86", "d9d9f786"),  # self-described
        ("86", "d81c86"),  # shareable
        ("19 1000", "1a 00001000"),
        ("00 1a", "1800 1a"),
        ("1a 00123456", "c243 123456"),  # a bignum takes as many bytes
        ("1a 00123456", "1b 0000000000123456"),
        ("18 18", "19 0018"),
        ("18 18", "d81c 1818"),
        ("1b 0000000100000000", "c245 0100000000"),  # and here fewer
        ("1b 0000000100000000", "1b 8000000000000000"),  # beyond what the store holds
        ("1b 0000000100000000", "20"),  # below zero
        ("1b 0000000100000000", "f6"),
        ("1b 0000000100000000", "f5"),
        ("1b 0000000100000000", "1b 0000000100000000 00"),
        ("1b 0000000100000000", "1b 00000001000000"),
        ("1b 0000000100000000", ""),
    ],
)
def test_any_other_form_is_refused(part, instead):
    assert RIGHT.count(part) == 1
    with pytest.raises(WireError):
        decode(unhexlify(RIGHT.replace(part, instead).replace(" ", "")))


def test_an_array_of_no_told_length_is_refused():
    with pytest.raises(WireError):
        decode(unhexlify(RIGHT.replace("86", "9f").replace(" ", "") + "ff"))
