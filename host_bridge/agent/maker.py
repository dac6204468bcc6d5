"""Specifications checked and built on the bridge: in another process, one at a time for each client, within a limit.

What is built here is signed with the bridge's own key, and only where the verifier has accepted every claim.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_bridge.agent.preparing import WorldError
from host_bridge.microworld import bundle
from host_bridge.microworld.signing import Signer

Answer = dict[str, Any]
Tell = Callable[[Answer], None]
BUDGET_S = 10.0  # of each proof
LIMIT_S = 60.0  # of all of it
AT_ONCE = 1  # processes: the machine has other work
LINE_BYTES = 4 << 20
MODULE = "host_bridge.microworld.check_apart"
ROOT = Path(__file__).resolve().parents[2]


class BusyError(WorldError):
    """This client has a check under way already."""


@dataclass(slots=True)
class Checked:
    """What is known of a specification: `answer` for people and programs; `parts` to build it from."""

    text: str
    profile: Mapping[str, str]
    parameters: Mapping[str, int | str]
    answer: Answer = field(default_factory=lambda: {"errors": [], "warnings": [], "verdicts": [], "accepted": False})
    parts: dict[str, str] = field(default_factory=dict)

    def take(self, part: Answer) -> None:
        """One line of the other process."""
        name, told = part["part"], {key: value for key, value in part.items() if key != "part"}
        if name == "progress":
            self.answer["progress"] = told["says"]
            return
        self.parts |= told.pop("bytes", {})
        self.answer |= told


class Maker:
    """`key_folder` has the bridge's own key, or will have."""

    def __init__(self, key_folder: Path) -> None:
        self._key_folder = key_folder
        self._busy: set[str] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def check(
        self,
        client: str,
        text: str,
        profile: Mapping[str, str] | None = None,
        parameters: Mapping[str, int | str] | None = None,
        tell: Callable[[Checked], None] = lambda checked: None,
    ) -> Checked:
        """All that can be said of `text`; `tell` hears it as it comes. Cancelled, it ends the other process.

        Raises BusyError.
        """
        if client in self._busy:
            raise BusyError("a specification of yours is being checked: wait for its answer")
        self._busy.add(client)
        checked = Checked(text, profile or {}, parameters or {})
        try:
            async with self._slots, asyncio.timeout(LIMIT_S):
                await _run(checked, tell)
        except TimeoutError:
            checked.answer["not_checked"] = f"it was not done within {LIMIT_S:.0f} s: what has no verdict is not proved"
        finally:
            self._busy.discard(client)
        checked.answer.pop("progress", None)
        return checked

    def build(self, checked: Checked) -> bytes:
        """The signed world. Raises WorldError: the verifier has not accepted it; SigningError."""
        answer = checked.answer
        if answer["errors"]:
            first = answer["errors"][0]
            raise WorldError(f"line {first['line']}:{first['column']}: {first['says']}")
        if not answer["accepted"] or not checked.parts:
            bad = [
                f"{verdict['claim']}: {verdict['outcome']}" for verdict in answer["verdicts"] if not is_proved(verdict)
            ]
            why = ", ".join(bad) or answer.get("not_checked") or "it was not checked to its end"
            raise WorldError(f"it is not built: {why}")
        wasm, bytecode = (bytes.fromhex(checked.parts[name]) for name in ("wasm", "bytecode"))
        signer = Signer.of(self._key_folder)
        profile, parameters = answer["profile"], answer["parameters"]
        return bundle.build(checked.text, profile, parameters, wasm, bytecode, checked.parts["case"], signer)


def is_proved(verdict: Answer) -> bool:
    """Whether nothing is left to say against it."""
    return bool(verdict["outcome"] == "proved")


async def _run(checked: Checked, tell: Callable[[Checked], None]) -> None:
    path = os.pathsep.join([str(ROOT / "firmware_mpy"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, limit=LINE_BYTES, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    asked = {"spec": checked.text, "profile": dict(checked.profile), "parameters": dict(checked.parameters)}
    try:
        await _converse(process, {**asked, "budget_s": BUDGET_S}, checked, tell)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _converse(
    process: asyncio.subprocess.Process, asked: Answer, checked: Checked, tell: Callable[[Checked], None]
) -> None:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("a process without pipes")
    complaints = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(json.dumps(asked).encode())
        process.stdin.close()
        async for line in process.stdout:
            checked.take(json.loads(line))
            tell(checked)
        if await process.wait():
            last = (await complaints).decode(errors="replace").strip().splitlines()[-1:]
            checked.answer["not_checked"] = f"the check ended by itself: {' '.join(last)[:200] or process.returncode}"
    except ConnectionError as error:
        checked.answer["not_checked"] = f"the check ended by itself: {error}"
    finally:
        complaints.cancel()
