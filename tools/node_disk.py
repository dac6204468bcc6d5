"""A node's file system read back from its flash: whether the files that were built are still what they were.

A node that has run has written files of its own, so its flash is no longer the build's, byte by byte.
"""

from collections.abc import Iterator
from typing import NamedTuple

from littlefs import LittleFS
from littlefs.errors import LittleFSError

BLOCK_BYTES = 4096  # of every board's flash


class Compared(NamedTuple):
    """Paths on the node."""

    changed: list[str]  # of the build, and not as they were built, or gone
    own: list[str]  # that the node has written


def compare(built: bytes, found: bytes) -> Compared | None:
    """The file system image `found` against the one that was built; None: it is so damaged that it cannot be read."""
    was = dict(_files(built))
    try:
        is_ = dict(_files(found))
    except (LittleFSError, OSError, UnicodeDecodeError):
        return None
    changed = [name for name, content in was.items() if is_.get(name) != content]
    return Compared(changed, sorted(is_.keys() - was.keys()))


def _files(image: bytes) -> Iterator[tuple[str, bytes]]:
    disk = LittleFS(block_size=BLOCK_BYTES, block_count=len(image) // BLOCK_BYTES, cache_size=BLOCK_BYTES, mount=False)
    disk.context.buffer = bytearray(image)
    disk.mount()
    for folder, _, names in disk.walk("/"):
        for name in names:
            path = f"{folder}/{name}".strip("/")
            with disk.open(path, "rb") as file:
                yield path, bytes(file.read())
