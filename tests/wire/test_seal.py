"""Sealing gives what RFC 9605 prints, and opens nothing else."""

import json
from binascii import unhexlify

from gridnode.wire import WireError, hkdf, seal

KEY, SALT = bytes(range(48)), bytes(range(100, 112))
HEADER = b"\x19\x01\x2c"  # key 1, counter 300
COUNTER = 300
TAG_BYTES = 8

with open(__file__.rsplit("/", 1)[0] + "/vectors/rfc9605.json") as _file:
    VECTORS = json.load(_file)


def hexed(case, *names):
    return [unhexlify(case[name]) for name in names]


def sealed(header, plain, counter, key=KEY, salt=SALT):
    packet = bytearray(header + plain) + bytearray(TAG_BYTES + 3)
    end = seal.Sealer(key, salt).seal(packet, len(header), len(header + plain), counter)
    assert end == len(header + plain) + TAG_BYTES and packet[end:] == bytes(3)
    return bytes(packet[:end])


def refused(packet, start, counter, key=KEY, salt=SALT):
    try:
        seal.Sealer(key, salt).open(packet, start, counter)
    except WireError:
        return True
    return False


def both_ways(aad, plain, ct, counter, key, salt):
    assert sealed(aad, plain, counter, key, salt) == aad + ct
    assert bytes(seal.Sealer(key, salt).open(aad + ct, len(aad), counter)) == plain


def test_the_aead_vector_of_rfc_9605_appendix_c():
    (case,) = VECTORS["aead"]
    key, nonce, aad, plain, ct = hexed(case, "key", "nonce", "aad", "pt", "ct")
    both_ways(aad, plain, ct, 0, key, nonce)  # counter 0: the nonce is the salt


def test_the_sframe_vector_of_rfc_9605_appendix_c_from_its_base_key_on():
    (case,) = VECTORS["sframe"]
    secret = hkdf.extract(b"", unhexlify(case["base_key"]))
    assert secret == unhexlify(case["sframe_secret"])
    key = hkdf.expand(secret, unhexlify(case["sframe_key_label"]), 48)
    salt = hkdf.expand(secret, unhexlify(case["sframe_salt_label"]), 12)
    assert [key, salt] == hexed(case, "sframe_key", "sframe_salt")
    aad, metadata, plain, ct = hexed(case, "aad", "metadata", "pt", "ct")
    header = aad[: -len(metadata)]
    assert ct[: len(header)] == header
    both_ways(aad, plain, ct[len(header) :], case["ctr"], key, salt)


def test_nonces_of_any_counter_are_the_salt_xor_the_counter():
    for counter in (1, 7, 255, 256, 0x4567, 0x3FFFFFFF, 0x40000000, 0x80000000, 0xFFFFFFFF):
        number = (int.from_bytes(SALT, "big") ^ counter).to_bytes(12, "big")
        assert sealed(HEADER, b"seventeen letters", counter) == sealed(HEADER, b"seventeen letters", 0, KEY, number)


def test_what_was_sealed_opens_at_any_length():
    sealer = seal.Sealer(KEY, SALT)
    for size in (0, 1, 15, 16, 17, 63, 64, 65, 128, 243):
        for header in (b"\x17", HEADER, b"\x1b\xff\xff\xff\xff"):
            plain = bytes([(7 * k + size) & 0xFF for k in range(size)])
            packet = bytearray(header + plain) + bytearray(TAG_BYTES)
            sealer.seal(packet, len(header), len(header) + size, size)
            assert size < 8 or bytes(packet[len(header) : len(header) + size]) != plain
            assert bytes(sealer.open(bytes(packet), len(header), size)) == plain
            assert sealed(header, plain, size) == bytes(packet)  # nothing is left of the packets before


def test_one_flipped_bit_anywhere_is_refused():
    packet = sealed(HEADER, b"close the contactor", COUNTER)
    assert not refused(packet, len(HEADER), COUNTER)
    for at in range(len(packet)):
        for bit in range(8):
            wrong = bytearray(packet)
            wrong[at] ^= 1 << bit
            assert refused(bytes(wrong), len(HEADER), COUNTER), (at, bit)


def test_another_counter_key_salt_or_division_is_refused():
    packet = sealed(HEADER, b"close the contactor", COUNTER)
    for bit in range(32):
        assert refused(packet, len(HEADER), COUNTER ^ 1 << bit), bit
    for at in range(16, 48):
        assert refused(packet, len(HEADER), COUNTER, KEY[:at] + bytes([KEY[at] ^ 1]) + KEY[at + 1 :]), at
    for at in range(12):
        assert refused(packet, len(HEADER), COUNTER, KEY, SALT[:at] + bytes([SALT[at] ^ 1]) + SALT[at + 1 :]), at
    for start in (0, 1, 2, 4, 5):
        assert refused(packet, start, COUNTER), start  # a byte less or more of header


def test_what_is_cut_or_grown_is_refused():
    packet = sealed(HEADER, b"close the contactor", COUNTER)
    for end in range(len(packet)):
        assert refused(packet[:end], len(HEADER), COUNTER), end
    assert refused(packet + b"\x00", len(HEADER), COUNTER)
    assert refused(packet + bytes(300), len(HEADER), COUNTER)
    assert refused(b"", 1, 0)


def test_a_forged_packet_is_never_decrypted():
    plain = b"close the contactor"
    packet = bytearray(sealed(HEADER, plain, COUNTER))
    packet[-1] ^= 1
    sealer = seal.Sealer(KEY, SALT)
    scratch = sealer.open(sealed(HEADER, bytes(len(plain)), COUNTER), len(HEADER), COUNTER)
    assert bytes(scratch) == bytes(len(plain))
    assert refused(bytes(packet), len(HEADER), COUNTER)
    assert bytes(scratch) == bytes(packet[len(HEADER) : -TAG_BYTES])  # the ciphertext: that much was looked at
