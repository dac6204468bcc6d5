"""Sealing: AES_128_CTR_HMAC_SHA256_64 of RFC 9605 (section 4.5.1), nonces by its section 4.4.3.

One AES-ECB call over counter blocks makes the key stream. Buffers are made once: on a node a call leaves 400 bytes
behind, 384 of them inside hashlib.
"""

from hashlib import sha256

from gridnode.native import micropython, ptr8
from gridnode.wire import WireError
from gridnode.wire.hkdf import pads

try:
    from cryptolib import aes
    from uctypes import addressof, bytearray_at

    def _part(buffer, start, length):  # 16 bytes of heap; a slice of a memoryview takes 48
        return bytearray_at(addressof(buffer) + start, length)

except ImportError:  # CPython
    from gridnode.wire.cpython_cryptolib import aes
    from gridnode.wire.cpython_cryptolib import part as _part

TAG_BYTES = 8
_LONGEST = 256  # bytes of a packet
_LENGTHS, _NONCE, _HEADER = 64, 88, 100  # places in `_head`

# All sealers' scratch; the views of _stream are in steps of four blocks.
_plain = bytearray(_LONGEST)
_stream = bytearray(_LONGEST)
_streams = tuple([memoryview(_stream)[:size] for size in range(0, _LONGEST + 1, 64)])


class Sealer:
    """One direction's key: 48 bytes (16 for AES, 32 for HMAC) and a salt of 12."""

    def __init__(self, key: bytes, salt: bytes):
        self._aes = aes(key[:16], 1)
        inner, self._outer = pads(key[16:])
        self._salt = salt
        # All that HMAC reads before the ciphertext: its inner pad, three lengths of 8 bytes, nonce, header.
        self._head = bytearray(inner + bytes(_NONCE - _LENGTHS) + salt)
        self._head[_NONCE - 1] = TAG_BYTES

    def seal(self, packet: bytearray, start: int, end: int, counter: int) -> int:
        """Seal packet[start:end] in place under the header packet[:start], put the tag behind it; return the new end
        (at most 256). `counter` (below 2^32) must never come twice with one key."""
        text = _part(packet, start, end - start)
        self._begin(packet, start, end, counter)
        self._crypt(text, end - start)
        _copy(self._tag(text), packet, end, TAG_BYTES)
        return end + TAG_BYTES

    def open(self, packet: bytes, start: int, counter: int):
        """The plaintext of header packet[:start], ciphertext, tag: a buffer, good until the next open() of any sealer.
        Raises WireError."""
        end = len(packet) - TAG_BYTES
        if end < start or len(packet) > _LONGEST:
            raise WireError("garbled")
        _copy(packet, _plain, 0, end)
        text = _part(_plain, start, end - start)
        self._begin(packet, start, end, counter)
        if _differ(packet, end, self._tag(text)):
            raise WireError("forged")
        self._crypt(text, end - start)
        return text

    def _begin(self, packet, start, end, counter):
        """Lengths, nonce and header into the head."""
        if len(self._head) != _HEADER + start:
            self._head = self._head[:_HEADER] + bytes(start)
        _copy(packet, self._head, _HEADER, start)
        _number(self._head, self._salt, counter, start << 16 | (end - start))

    def _crypt(self, text, size):
        blocks = _streams[size + 63 >> 6]
        _count(self._head, _stream, size)
        self._aes.encrypt(blocks, blocks)
        _xor(text, _stream, size)

    def _tag(self, text) -> bytes:
        inside = sha256(self._head)
        inside.update(text)
        outside = sha256(self._outer)
        outside.update(inside.digest())
        return outside.digest()


@micropython.viper
def _number(head: ptr8, salt: ptr8, counter: int, lengths: int):
    """Lengths (header << 16 | text) and nonce (salt XOR counter) into the head."""
    head[71] = lengths >> 16
    head[78] = (lengths >> 8) & 0xFF
    head[79] = lengths & 0xFF
    k = 0
    while k < 4:
        head[96 + k] = int(salt[8 + k]) ^ ((counter >> (24 - 8 * k)) & 0xFF)
        k += 1


@micropython.viper
def _count(head: ptr8, blocks: ptr8, size: int):
    """Counter blocks for `size` bytes: the nonce, then the block's number in four bytes."""
    at = 0
    while at < size:
        k = 0
        while k < 12:
            blocks[at + k] = head[88 + k]
            k += 1
        while k < 15:
            blocks[at + k] = 0
            k += 1
        blocks[at + 15] = at >> 4
        at += 16


@micropython.viper
def _xor(text: ptr8, stream: ptr8, size: int):
    k = 0
    while k < size:
        text[k] = int(text[k]) ^ int(stream[k])
        k += 1


@micropython.viper
def _copy(source: ptr8, target: ptr8, at: int, size: int):
    k = 0
    while k < size:
        target[at + k] = source[k]
        k += 1


@micropython.viper
def _differ(packet: ptr8, end: int, tag: ptr8) -> int:
    """0 when the tags are alike; takes as long when they are not."""
    wrong = 0
    k = 0
    while k < 8:
        wrong |= int(packet[end + k]) ^ int(tag[k])
        k += 1
    return wrong
