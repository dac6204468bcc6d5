"""Keys from keys: HMAC-SHA256 (RFC 2104) and HKDF over it (RFC 5869)."""

from hashlib import sha256

_BLOCK = 64


def pads(key: bytes) -> tuple:
    """The two blocks (inner, outer) that HMAC-SHA256 puts before what it hashes."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    key = key + bytes(_BLOCK - len(key))
    return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


def hmac_sha256(key: bytes, *parts) -> bytes:
    """The 32-byte HMAC of all `parts` joined."""
    inner, outer = pads(key)
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
    out = block = b""
    while len(out) < length:
        block = hmac_sha256(prk, block, info, bytes((len(out) // 32 + 1,)))
        out += block
    return out[:length]
