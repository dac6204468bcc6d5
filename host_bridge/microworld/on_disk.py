"""Files that are whole on disk or as they were before, whatever the power does; of whoever owns their folder."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace `path`; on disk when this returns. Raises OSError."""
    draft = path.with_name(f".{path.name}.new")  # one name, so that what a power cut left is written over
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        give_to_owner(file.fileno(), path.parent)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    flush_folder(path.parent)


def make_folder(folder: Path) -> None:
    """`folder`, for its owner alone, where there is none. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def give_to_owner(file: int, folder: Path) -> None:
    """What root makes in another user's folder is that user's: root builds, the bridge reads."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)


def flush_folder(folder: Path) -> None:
    """That names in `folder` outlive a power cut."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
