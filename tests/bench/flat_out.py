"""A node of this machine that runs as fast as it can: starts a script of this folder under MicroPython's unix port."""

import json
import os
import pty
import subprocess
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.nodes import BOARD, FIRMWARE, die_with_parent, find_micropython


def told(script: str, folder: Path, unit: dict[str, Any], *arguments: str) -> Iterator[dict[str, Any]]:
    """What the script prints, a line of JSON each. `folder` becomes the node's; `unit`: keys of its unit.json.

    Raises RuntimeError with what it said that was no JSON: MicroPython prints tracebacks there too.
    """
    command = [find_micropython(), str(Path(__file__).with_name(script)), str(folder), *arguments]
    said = ""
    with _unread_line() as line:
        (folder / "unit.json").write_text(json.dumps({"name": "bench", "link_fd": line, **unit}), encoding="utf-8")
        with subprocess.Popen(
            command,
            env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:{BOARD}:.frozen"},
            pass_fds=[line],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (in a thread, as tools.power_cuts has it)
        ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                if text.startswith("{"):
                    yield json.loads(text)
                else:
                    said += text
    if process.returncode:
        raise RuntimeError(f"{script} ended with {process.returncode}:\n{said}")


@contextmanager
def _unread_line() -> Iterator[int]:
    """The node's end of a pseudo-terminal at whose other end nobody is."""
    ours, theirs = pty.openpty()
    try:
        tty.setraw(ours)
        os.set_blocking(ours, False)
        yield ours
    finally:
        os.close(ours)
        os.close(theirs)
