"""The keys of the nodes: a folder only its owner can read, and in it one file for each node, `NAME.json`.

    {"name": "home-1", "keys": [[1, "64 hex digits"]], "lone": {"nonce": "16 hex digits", "counter": 17}}

`keys` are (slot, 32 bytes), the newest last, two at most: while a key is rotated the old one holds too. `lone` says
which packets that came without a session were taken (see wire/README.md), so that none is taken twice. What
changes a file holds the folder's lock meanwhile, so the bridge and `gridnexus provision` never undo one another's work.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

KEY_BYTES, SLOTS, MOST_KEYS = 32, (1, 2, 3), 2
NAME_BYTES = 32  # of UTF-8, as schema.TEXT_MAX
SUFFIX = ".json"
_LOCK = ".lock"
_OTHERS = 0o077  # the mode's bits that let anyone but the owner in


class KeysError(ValueError):
    """Keys cannot be used or kept; the text names the file and says what to do, and never holds a key."""


class Lone(NamedTuple):
    """The newest packet without a session that was taken: the node's nonce, which only rises, and its counter."""

    nonce: bytes = b""
    counter: int = -1


@dataclass(slots=True, repr=False)
class NodeKeys:
    """What the host knows of one node: its keys (slot, 32 bytes), newest last, and the newest lone packet taken."""

    name: str
    keys: list[tuple[int, bytes]]
    lone: Lone = field(default_factory=Lone)

    def __repr__(self) -> str:
        slots = ", ".join(f"slot {slot}: {fingerprint(key)}" for slot, key in self.keys)
        return f"NodeKeys({self.name!r}, {slots})"

    @property
    def free_slot(self) -> int:
        """The slot that the next key gets: the one after the newest, 1 after 3. Another key never holds it."""
        return self.keys[-1][0] % len(SLOTS) + 1 if self.keys else SLOTS[0]


def new_key() -> bytes:
    """32 bytes of the system's chance."""
    return secrets.token_bytes(KEY_BYTES)


def fingerprint(key: bytes) -> str:
    """What people compare: 4 hex digits of SHA-256 over the key. They tell nothing of use about it."""
    return hashlib.sha256(key).hexdigest()[:4]


def address_of(name: str) -> int:
    """What stands for `name` on the link: the first two bytes of SHA-256 over it."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")


def check_name(name: str) -> str:
    """`name` itself, if a node and a file can have it. Raises KeysError."""
    if not 0 < len(name.encode("utf-8", "replace")) <= NAME_BYTES or not name.isprintable():
        raise KeysError(f"{name!r}: a node's name has 1 to {NAME_BYTES} bytes, all printable")
    if name.startswith((".", "-")) or "/" in name or "\\" in name:
        raise KeysError(f"{name!r}: a node's name holds no / or \\, and begins with neither . nor -")
    return name


class KeyRing:
    """The folder of keys, made (0700) when there is none. Files that appear or change while it is used are seen.

    One file that cannot be used takes its own node's keys away and no other's: `faults` says which and why.
    """

    def __init__(self, folder: Path) -> None:
        """Raises KeysError: others can read the folder, or it cannot be made."""
        self.folder = folder
        self.faults: dict[str, str] = {}  # a file's name -> what is wrong with it, as of the last look
        self._read: dict[str, tuple[tuple[int, ...], NodeKeys | None]] = {}  # by file: what it was then, what it said
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeysError(f"{folder}: keys cannot be kept there: {error.strerror}") from error
        _check_private(folder, 0o700)

    def __repr__(self) -> str:
        return f"KeyRing({str(self.folder)!r})"

    def find(self, address: int) -> list[NodeKeys]:
        """Every node with this address: seldom more than one (provisioning refuses that), and the tag then decides."""
        return [keys for keys in self.all() if address_of(keys.name) == address]

    def all(self) -> list[NodeKeys]:
        """Every node whose file can be used, by name; what is wrong with the others is in `faults`."""
        found: dict[str, tuple[tuple[int, ...], NodeKeys | None]] = {}
        faults = {}
        for path in self._files():
            try:
                seen = _identity(path)
                if path.name not in self._read or self._read[path.name][0] != seen:
                    found[path.name] = seen, None  # so that what is wrong is read, and told, once
                    found[path.name] = seen, _load(path)
                else:
                    found[path.name] = self._read[path.name]
                    if found[path.name][1] is None:
                        faults[path.name] = self.faults[path.name]
            except FileNotFoundError:  # forgotten between two looks
                found.pop(path.name, None)
            except KeysError as error:
                faults[path.name] = str(error)
        self._read, self.faults = found, faults
        return [replace(keys, keys=keys.keys.copy()) for _, keys in found.values() if keys is not None]

    def load(self, name: str) -> NodeKeys:
        """The keys of this node. Raises KeysError, which says how to make some where there are none."""
        try:
            return _load(self._path(name))
        except FileNotFoundError:
            raise KeysError(f"{name} has no key in {self.folder}: gridnexus provision {name} makes one") from None

    def save(self, keys: NodeKeys) -> None:
        """Write a node's file, whole or not at all. Raises KeysError; another node has its address: name it anew."""
        with self._locked():
            self._write(keys)

    def change(self, name: str, how: Callable[[NodeKeys], None]) -> NodeKeys:
        """Load, let `how` change it, save; nothing else changes it meanwhile. Raises KeysError."""
        with self._locked():
            keys = self.load(name)
            how(keys)
            self._write(keys)
        return keys

    def add(self, name: str, slot: int, key: bytes) -> NodeKeys:
        """Give the node one more key; of the others only the newest stays. The node may be new."""
        with self._locked():
            keys = self.load(name) if self._path(name).exists() else NodeKeys(name, [])
            keys.keys = [held for held in keys.keys if held[0] != slot][1 - MOST_KEYS :] + [(slot, key)]
            self._write(keys)
        return keys

    def renew(self, name: str) -> tuple[int, bytes, bool]:
        """(slot, key, whether it was made now) that the node is to have next.

        Made before is the key of a rotation that did not come to its end: the node may have it already.
        """
        with self._locked():
            keys = self.load(name)
            made = len(keys.keys) < MOST_KEYS
            if made:
                keys.keys = [*keys.keys, (keys.free_slot, new_key())]
                self._write(keys)
        return *keys.keys[-1], made

    def drop(self, name: str, slot: int) -> NodeKeys:
        """Forget one key of a node that has another."""

        def dropped(keys: NodeKeys) -> None:
            keys.keys = [held for held in keys.keys if held[0] != slot] or keys.keys

        return self.change(name, dropped)

    def remember(self, name: str, lone: Lone) -> None:
        """Keep which lone packet was the newest, on disk when this returns."""

        def remembered(keys: NodeKeys) -> None:
            keys.lone = lone

        self.change(name, remembered)

    def forget(self, name: str) -> None:
        """Remove the node's keys. Raises KeysError where it has none."""
        with self._locked():
            try:
                self._path(name).unlink()
            except FileNotFoundError:
                raise KeysError(f"{name} has no key in {self.folder}") from None
            _flush_folder(self.folder)

    def _path(self, name: str) -> Path:
        return self.folder / (check_name(name) + SUFFIX)

    def _files(self) -> Iterator[Path]:
        with os.scandir(self.folder) as entries:
            names = sorted(entry.name for entry in entries)
        return (self.folder / name for name in names if name.endswith(SUFFIX) and not name.startswith("."))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _give_to_owner(lock, self.folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, keys: NodeKeys) -> None:
        path, address = self._path(keys.name), address_of(keys.name)
        for other in self.find(address):
            if other.name != keys.name:
                raise KeysError(f"{keys.name} and {other.name} have the same address on the link: choose another name")
        write_private(path, json.dumps(_as_json(keys)).encode())


def write_private(path: Path, content: bytes) -> None:
    """A file that nobody but its folder's owner can read: whole on disk when this returns, or as it was before."""
    draft = path.with_name(f".{path.name}.new")  # one name, so that what a power cut left is written over
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        _give_to_owner(file.fileno(), path.parent)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _flush_folder(path.parent)


def _give_to_owner(file: int, folder: Path) -> None:
    """Root provisions, the bridge reads: what root makes in another user's folder is that user's."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)


def node_file(keys: list[tuple[int, bytes]]) -> bytes:
    """What a node's keys.json holds."""
    return json.dumps([[slot, key.hex()] for slot, key in keys]).encode()


def _check_private(path: Path, mode: int) -> None:
    if path.stat().st_mode & _OTHERS:
        raise KeysError(f"{path}: other users of this machine can reach the keys: chmod {mode:o} {path}")


def _identity(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode


def _flush_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _load(path: Path) -> NodeKeys:
    _check_private(path, 0o600)
    try:
        keys = _of_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeysError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError):  # what they say could hold a part of a key
        raise KeysError(
            f"{path} is no file of keys: put it back from a backup, or make a new one: gridnexus provision {path.stem}"
        ) from None
    if keys.name != path.stem:
        raise KeysError(f"{path} holds the keys of {keys.name!r}: rename it {keys.name}{SUFFIX}")
    return keys


def _as_json(keys: NodeKeys) -> dict[str, Any]:
    return {
        "name": keys.name,
        "keys": [[slot, key.hex()] for slot, key in keys.keys],
        "lone": {"nonce": keys.lone.nonce.hex(), "counter": keys.lone.counter},
    }


def key_list(found: Any) -> list[tuple[int, bytes]]:
    """Keys as both ends keep them, [[slot, hex], ...]. Raises ValueError or TypeError, without a word about why."""
    keys = [(slot, bytes.fromhex(digits)) for slot, digits in found]
    if not 0 < len(keys) <= MOST_KEYS or any(type(s) is not int or s not in SLOTS for s, _ in keys):
        raise ValueError
    if len({slot for slot, _ in keys}) < len(keys) or any(len(key) != KEY_BYTES for _, key in keys):
        raise ValueError
    return keys


def _of_json(found: Any) -> NodeKeys:
    lone = Lone(bytes.fromhex(found["lone"]["nonce"]), found["lone"]["counter"])
    if type(lone.counter) is not int:
        raise TypeError
    return NodeKeys(check_name(found["name"]), key_list(found["keys"]), lone)
