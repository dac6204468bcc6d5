"""HMAC-SHA256 and HKDF give what RFC 4231 and RFC 5869 print."""

import json
from binascii import unhexlify

from gridnode.wire import hkdf

with open(__file__.rsplit("/", 1)[0] + "/vectors/rfc5869.json") as _file:
    CASES = json.load(_file)["cases"]


def test_hkdf_gives_the_vectors_of_rfc_5869():
    assert [case["case"] for case in CASES] == ["A.1", "A.2", "A.3"]
    for case in CASES:
        prk = hkdf.extract(unhexlify(case["salt"]), unhexlify(case["ikm"]))
        assert prk == unhexlify(case["prk"]), case["case"]
        assert hkdf.expand(prk, unhexlify(case["info"]), case["length"]) == unhexlify(case["okm"]), case["case"]


def test_hmac_takes_its_text_in_any_parts():
    # RFC 4231 section 4.3
    right = unhexlify("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    assert hkdf.hmac_sha256(b"Jefe", b"what do ya want for nothing?") == right
    assert hkdf.hmac_sha256(b"Jefe", b"what do ", b"", bytearray(b"ya want "), b"for nothing?") == right


def test_hmac_hashes_a_key_longer_than_a_block():
    # RFC 4231 section 4.7
    right = unhexlify("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    assert hkdf.hmac_sha256(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First") == right
