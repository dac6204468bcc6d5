"""How far a long job is, on stderr: a bar on a terminal, a plain line for each step otherwise."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Steps:
    """The steps of one job, told one after the other: `step`, and within a step `share` from 0 to 1."""

    def __init__(self, job: str) -> None:
        self._job = job
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, text: str) -> None:
        """What begins now."""
        if self._bar is None:
            print(f"{self._job}: {text}", file=sys.stderr, flush=True)
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(f"{self._job}: {text}", total=None)

    def share(self, done: float) -> None:
        """How much of this step is done, 0 to 1; only a bar shows it."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=1.0, completed=done)

    def note(self, text: str) -> None:
        """Something that stays to be read."""
        if self._bar is None:
            print(f"{self._job}: {text}", file=sys.stderr, flush=True)
        else:
            self._bar.console.print(f"{self._job}: {text}", markup=False, highlight=False)
