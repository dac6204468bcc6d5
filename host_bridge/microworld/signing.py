"""Who vouches for a world: Ed25519 (RFC 8032), with one key of this machine's own, made when first needed."""

import os
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from host_bridge.microworld.on_disk import flush_folder, make_folder, write_whole

NAME = "signer.key"
KIND = "ed25519:"
_OTHERS = 0o077  # the mode's bits that let anyone but the owner in


class SigningError(ValueError):
    """A key cannot be used; the text names the file and says what to do, and never holds a private key."""


class Signer:
    """A private key. `public` is what others trust, as they write it in [worlds] trusted."""

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = KIND + self._key.public_key().public_bytes_raw().hex()

    def __repr__(self) -> str:
        return f"Signer({self.public})"

    @classmethod
    def of(cls, folder: Path) -> Self:
        """This machine's own, from `folder`; made there where there is none. Raises SigningError."""
        try:
            make_folder(folder)
            if not (folder / NAME).exists():
                _make(folder)
        except OSError as error:
            raise SigningError(f"{folder / NAME}: the key cannot be kept there: {error.strerror}") from error
        return cls(_secret(folder / NAME))

    @classmethod
    def known(cls, folder: Path) -> "Signer | None":
        """This machine's own if it has been made. Raises SigningError."""
        return cls(_secret(folder / NAME)) if (folder / NAME).exists() else None

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)


def verify(public: str, signature: bytes, message: bytes) -> bool:
    """Whether the owner of `public` signed `message`. Raises SigningError: no public key."""
    try:
        Ed25519PublicKey.from_public_bytes(raw(public)).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def raw(public: str) -> bytes:
    """The 32 bytes of "ed25519:<64 hex digits>". Raises SigningError."""
    try:
        found = bytes.fromhex(public.removeprefix(KIND))
    except ValueError:
        found = b""
    if not public.startswith(KIND) or len(found) != 32:
        raise SigningError(f'{public[:80]!r} is no public key: write "{KIND}" and 64 hex digits')
    return found


def _make(folder: Path) -> None:
    """A new key, unless another process makes one at the same time: then that one."""
    draft = folder / f".{NAME}.{secrets.token_hex(4)}"
    write_whole(draft, Ed25519PrivateKey.generate().private_bytes_raw().hex().encode())
    try:
        os.link(draft, folder / NAME)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    flush_folder(folder)


def _secret(path: Path) -> bytes:
    try:
        if path.stat().st_mode & _OTHERS:
            raise SigningError(f"{path}: other users of this machine can read it: chmod 600 {path}, or delete it")
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise SigningError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, SigningError):
            raise
        secret = b""
    if len(secret) != 32:
        raise SigningError(f"{path} is no private key: put it back from a backup, or delete it: a new one is made then")
    return secret
