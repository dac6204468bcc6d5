"""Keys from keys: HMAC-SHA256 (RFC 2104) and HKDF over it (RFC 5869)."""

from hashlib import sha256

_BLOCK = 64
_INNER = int.from_bytes(b"\x36" * _BLOCK, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK, "big")


def pads(key: bytes) -> tuple:
    """The two blocks (inner, outer) that HMAC-SHA256 puts before what it hashes."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    number = int.from_bytes(key + bytes(_BLOCK - len(key)), "big")  # a microcontroller is slow at single bytes
    return (number ^ _INNER).to_bytes(_BLOCK, "big"), (number ^ _OUTER).to_bytes(_BLOCK, "big")


def hmac_sha256(key: bytes, *parts) -> bytes:
    """The 32-byte HMAC of all `parts` joined."""
    return _hmac(pads(key), parts)


def _hmac(padded: tuple, parts) -> bytes:
    inner, outer = padded
    inside = sha256(inner)
    for part in parts:
        inside.update(part)
    outside = sha256(outer)
    outside.update(inside.digest())
    return outside.digest()


def extract(salt: bytes, key: bytes) -> bytes:
    """RFC 5869 section 2.2: the pseudorandom key (32 bytes) that lies in `key`."""
    return hmac_sha256(salt, key)


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3: `length` bytes (at most 255 * 32) for the purpose that `info` names."""
    padded = pads(prk)
    out = block = b""
    while len(out) < length:
        block = _hmac(padded, (block, info, bytes((len(out) // 32 + 1,))))
        out += block
    return out[:length]
