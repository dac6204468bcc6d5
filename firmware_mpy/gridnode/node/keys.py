"""The node's keys in flash, keys.json beside unit.json: [[slot, "64 hex digits"], ...], the newest last, two at most.

No file: a blank node. A power cut leaves the keys as they were, or as they were to be.
"""

import json
import os

from gridnode.wire import WireError, cbor
from gridnode.wire.channel import KEY_BYTES, KEYS_MAX, SLOTS

_FILE = "/keys.json"


def load_keys(folder: str) -> list:
    """(slot, 32 bytes) of each key; none where there is no file. Raises ValueError when it does not hold keys."""
    try:
        with open(folder + _FILE) as file:
            keys = [(slot, bytes.fromhex(digits)) for slot, digits in json.load(file)]
        if len(keys) <= KEYS_MAX and all(_is_key(*key) for key in keys):
            return keys
    except OSError:
        return []
    except (ValueError, TypeError):
        pass
    raise ValueError("keys.json holds no keys: gridnexus provision makes new ones")


def _is_key(slot, key) -> bool:
    return slot in SLOTS and type(key) is bytes and len(key) == KEY_BYTES


def save_keys(folder: str, keys: list):
    """Raises OSError: they could not be kept, or not be read back."""
    draft = folder + "/keys.new"
    with open(draft, "w") as file:
        json.dump([[slot, key.hex()] for slot, key in keys], file)
    if hasattr(os, "chmod"):  # not on a microcontroller
        os.chmod(draft, 0o600)
    os.rename(draft, folder + _FILE)
    if load_keys(folder) != keys:
        raise OSError(5)


def store_key(folder: str, channel, body: bytes) -> tuple:
    """Take the key that a host has sent, [slot, key] in CBOR, beside the newest of those before:
    (reason, slot, digest of `body`)."""
    from gridnode.node.documents import digest

    try:
        slot, key = cbor.decode(body)
    except (WireError, TypeError, ValueError):
        slot = key = None
    if not _is_key(slot, key):
        return "bad document", 0, b""
    try:
        save_keys(folder, [known for known in load_keys(folder) if known[0] != slot][1 - KEYS_MAX :] + [(slot, key)])
    except OSError:
        return "flash fault", 0, b""
    channel.add_key(slot, key)
    return "none", slot, digest(body)


def drop_key(folder: str, slot: int):
    """Forget a key that no host needs any longer; while it cannot be written it stays, and does no harm."""
    try:
        save_keys(folder, [known for known in load_keys(folder) if known[0] != slot])
    except OSError:
        pass
