"""A deadline for code that does not come back: one thread that moves an engine's epoch on while the engine is in use.

The thread sleeps while nobody calls: a bridge whose worlds tick once a second is not woken 200 times a second.
"""

import threading
import time

import wasmtime

IDLE_TURNS = 20  # turns without a call after which the thread goes to sleep


class Deadline:
    """Ends what runs in `engine` for longer than `deadline_ms`, up to a quarter later."""

    TURNS = 4

    def __init__(self, engine: wasmtime.Engine, deadline_ms: int) -> None:
        self._engine = engine
        self._turn_s = deadline_ms / 1000 / self.TURNS
        self._calls = 0
        self._awake = threading.Event()
        self.sleeps = threading.Event()  # set while the thread does
        self._ended = False
        self._thread: threading.Thread | None = None

    def arm(self, store: wasmtime.Store) -> None:
        """Call it before each call into `store`: from now on it has the deadline."""
        self._calls += 1
        if not self._awake.is_set():
            self._awake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="microworld deadline", daemon=True)
                self._thread.start()
        store.set_epoch_deadline(self.TURNS + 1)  # the turn under way is not a whole one

    def end(self) -> None:
        """Let the thread end; nothing may be called any more."""
        self._ended = True
        self._awake.set()

    def _run(self) -> None:
        seen, idle = 0, 0
        while not self._ended:
            self.sleeps.set()
            self._awake.wait()
            self.sleeps.clear()
            time.sleep(self._turn_s)
            self._engine.increment_epoch()
            idle = idle + 1 if self._calls == seen else 0
            seen = self._calls
            if idle >= IDLE_TURNS and not self._ended:
                self._awake.clear()
                if self._calls != seen or self._ended:  # a call came between the look and the clearing
                    self._awake.set()
