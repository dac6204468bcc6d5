"""Gives a board its key, over its console: python -m tools.provision NAME --port PORT --keys FOLDER [--json].

`gridnexus provision NAME --port PORT` runs it. host_bridge/provision.py says in which order things happen, and
tools/board_prompt.py what becomes of the board when this program or its cable goes away.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from host_bridge.keys import KeyRing, KeysError
from host_bridge.provision import ProvisionError, provision, told
from tools.board_prompt import BoardPrompt, PromptError
from tools.boards import BoardError
from tools.console import choose_port
from tools.find_port import PortError

FAILED, INTERRUPTED = 1, 130


class BoardStorage:
    """A board's files, through its prompt. See host_bridge.provision.Storage."""

    def __init__(self, prompt: BoardPrompt) -> None:
        self._prompt = prompt

    def read(self, name: str) -> bytes | None:
        try:
            return self._prompt.read(name)
        except PromptError as error:
            raise ProvisionError(str(error)) from None

    def write(self, files: Mapping[str, bytes]) -> None:
        """Every new file is on the board and checked before the first of the old ones is replaced."""
        try:
            for name, content in files.items():
                self._prompt.write(name + ".new", content)
            self._prompt.replace(list(files), [])
        except PromptError as error:
            raise ProvisionError(str(error)) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Provision as the arguments say; the exit code."""
    options = _parse(argv)
    try:
        ring = KeyRing(options.keys)
        port = choose_port(options.port, None)
        print(f"stopping the node on {port}: its contactors open", file=sys.stderr, flush=True)
        with BoardPrompt(port) as prompt:
            try:
                done = provision(ring, options.name, BoardStorage(prompt), rename=options.rename, renew=options.new_key)
            except (ProvisionError, KeysError):
                with suppress(PromptError):  # if it is gone, its watchdog starts it again
                    prompt.restart()
                raise
            prompt.restart()
    except KeyboardInterrupt:
        print("\ngridnexus provision: stopped; run it again: it finds out how far it came", file=sys.stderr)
        return INTERRUPTED
    except (ProvisionError, KeysError, PortError, BoardError, PromptError, OSError) as error:
        print(f"gridnexus provision: {error}", file=sys.stderr)
        return FAILED
    print(json.dumps(done._asdict()) if options.json else told(done, "it starts again and uses it"))
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gridnexus provision", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="of the node")
    parser.add_argument("--port", required=True, help="of the board's console")
    parser.add_argument("--keys", type=Path, required=True, metavar="FOLDER", help="of the bridge's keys")
    parser.add_argument("--rename", action="store_true", help="if it bears another name")
    parser.add_argument("--new-key", action="store_true", help="even if it has one")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
