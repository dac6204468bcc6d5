"""What seal.py finds in MicroPython's `cryptolib` and `uctypes`, for CPython: AES in ECB by package `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:
    """One key; `mode` must be 1 (ECB)."""

    def __init__(self, key: bytes, mode: int):
        if mode != 1:
            raise ValueError("only ECB is stood in for")
        self._update = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305 (makes CTR's key stream)

    def encrypt(self, blocks, out) -> None:
        """Encrypt whole blocks of 16 bytes into `out`, which may be `blocks` itself."""
        out[:] = self._update(blocks)


def part(buffer, start: int, length: int) -> memoryview:
    """buffer[start:start + length] itself, no copy."""
    return memoryview(buffer)[start : start + length]
