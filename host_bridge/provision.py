"""Gives a node its key: a new one onto the node and into this machine's folder of keys, both or neither.

In this order: the folder here takes the new key beside the one that the node has; the node's keys.json is written
and read back; the folder lets the old key go. Whatever is cut short in between, the node has a key that the folder
holds, or none yet; running it again finds out which, from the node's own file, and ends it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from host_bridge.keys import (
    KeyRing,
    KeysError,
    NodeKeys,
    check_name,
    fingerprint,
    key_list,
    new_key,
    node_file,
    write_private,
)

KEYS, UNIT = "keys.json", "unit.json"


class ProvisionError(RuntimeError):
    """A node cannot be given its key; the text says why, what holds now, and what to do."""


class Storage(Protocol):
    """The files of one node. Raises ProvisionError."""

    def read(self, name: str) -> bytes | None:
        """None: there is no such file."""

    def write(self, files: Mapping[str, bytes]) -> None:
        """All of them, or after a failure what was there before, or (told by `read` alone) a part."""


class Provisioned(NamedTuple):
    """What a node has now. `made`: it is new; else it had it before, and this machine too."""

    name: str
    slot: int
    fingerprint: str
    made: bool


class FolderStorage:
    """A node that is a program on this machine: the folder with its unit.json."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise ProvisionError(f"{folder} is no folder: name the one that holds the node's {UNIT}")

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProvisionError(f"{self._folder / name}: {error.strerror}; run this as the node's user") from None

    def write(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            try:
                write_private(self._folder / name, content)
            except OSError as error:
                raise ProvisionError(f"{self._folder / name}: {error.strerror}; run this as the node's user") from None


def provision(ring: KeyRing, name: str, node: Storage, *, rename: bool = False, renew: bool = False) -> Provisioned:
    """Give the node called `name` a key, unless it has one that `ring` holds (`renew`: even then).

    `rename`: a node that bears another name gets this one. Raises ProvisionError, KeysError.
    """
    check_name(name)
    files = _unit(node, name, rename)
    held, known = _held(node), _known(ring, name)
    common = [key for key in known.keys if key in held]
    if common and common[-1] == held[-1] and not files and not renew:
        if len(common) < len(known.keys):  # an earlier run was cut short: what the node never got, or has no more, goes
            _keep(ring, name, common)
        return _provisioned(name, common[-1], made=False)
    slot, key = NodeKeys(name, common[-1:]).free_slot, new_key()
    if common:
        _keep(ring, name, [common[-1], (slot, key)])
    else:
        ring.save(NodeKeys(name, [(slot, key)]))
    files[KEYS] = node_file([(slot, key)])
    try:
        node.write(files)
        if node.read(KEYS) != files[KEYS]:
            raise ProvisionError("what was written does not read back: the node's flash may be worn out")
    except ProvisionError as error:
        raise ProvisionError(f"{error}. {_undone(ring, known, node, held)}") from error
    ring.save(NodeKeys(name, [(slot, key)]))  # whatever was taken without a session was under another key
    return _provisioned(name, (slot, key), made=True)


def told(done: Provisioned, next_start: str) -> str:
    """For people; `next_start` says when the node takes a new key up."""
    where = f"slot {done.slot}, fingerprint {done.fingerprint}"
    if done.made:
        return f"{done.name} has a new key ({where}); {next_start}"
    return f"{done.name} has its key already ({where}); nothing was changed. Another one: --new-key, or --rotate"


def _provisioned(name: str, key: tuple[int, bytes], made: bool) -> Provisioned:
    return Provisioned(name, key[0], fingerprint(key[1]), made)


def _undone(ring: KeyRing, known: NodeKeys, node: Storage, held: list[tuple[int, bytes]]) -> str:
    """Take the new key out of the ring again, if the node can be seen not to have it; what holds now, in words."""
    try:
        unchanged = _held(node) == held
    except ProvisionError:
        unchanged = False
    if not unchanged:
        return "Whether the node has the new key is not known; both are good here. Run this again: it ends the matter"
    if known.keys:
        _keep(ring, known.name, known.keys)
    else:
        ring.forget(known.name)
    return "Nothing has changed, neither there nor here"


def _keep(ring: KeyRing, name: str, keys: list[tuple[int, bytes]]) -> None:
    """These keys, and what a running bridge has noted beside them in the meantime."""

    def kept(node: NodeKeys) -> None:
        node.keys = keys

    ring.change(name, kept)


def _held(node: Storage) -> list[tuple[int, bytes]]:
    """The node's keys; a file that cannot be used is none: the node takes it for that too."""
    try:
        return key_list(json.loads(node.read(KEYS) or b"[]"))
    except (ValueError, TypeError):
        return []


def _known(ring: KeyRing, name: str) -> NodeKeys:
    try:
        return ring.load(name)
    except KeysError:
        if os.path.lexists(ring.folder / f"{name}.json"):
            raise
        return NodeKeys(name, [])


def _unit(node: Storage, name: str, rename: bool) -> dict[str, bytes]:
    """{unit.json: what it has to hold}, empty where it bears the name already."""
    content = node.read(UNIT)
    try:
        unit = json.loads(content) if content else {}
        was = unit.get("name", "")
    except (ValueError, AttributeError):
        raise ProvisionError(f"the node's {UNIT} is damaged: flash the node anew, then provision it") from None
    if was == name:
        return {}
    if was and not rename:
        raise ProvisionError(f"this node is called {was!r}: name it so, or add --rename to call it {name} from now on")
    return {UNIT: (json.dumps({**unit, "name": name}, ensure_ascii=False, indent=1) + "\n").encode()}
