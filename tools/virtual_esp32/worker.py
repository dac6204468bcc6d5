"""The board's own thread: one loop that waits for descriptors and times, so that nothing of the board needs a lock."""

import heapq
import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """`watch`, `unwatch` and `at` are for the loop itself (and before `start`), `call` and `stop` for everybody."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_up, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbered = 0
        self._calls: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._lock = threading.Lock()  # of the calls, and of whether more are taken
        self._stopping = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="virtual ESP32 board", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def watch(self, descriptor: int, ready: Callable[[], object]) -> None:
        """Call `ready` whenever `descriptor` can be read, or has no other end any more."""
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def unwatch(self, descriptor: int) -> None:
        """Before `descriptor` is closed."""
        self._selector.unregister(descriptor)

    def at(self, when: float, then: Callable[[], object]) -> None:
        """Call `then` once at time.monotonic() `when`."""
        self._numbered += 1
        heapq.heappush(self._due, (when, self._numbered, then))

    def call(self, what: Callable[[], T]) -> T:
        """The result of `what`, done by the loop. Raises what it raises, RuntimeError when the loop has ended."""
        if threading.current_thread() is self._thread:
            return what()
        future: Future[T] = Future()
        with self._lock:
            if self._stopped or not self._thread.is_alive():
                raise RuntimeError("the virtual board is not there any more, or was not entered yet")
            self._calls.append((what, future))
        self._wake_up.send(b"\0")
        return future.result()

    def stop(self) -> None:
        """End the loop; what is due later is not done."""
        if self._thread.is_alive():
            with self._lock:
                self._stopping = True
            self._wake_up.send(b"\0")
            self._thread.join()
        self._selector.close()
        self._wake_up.close()
        self._woken.close()

    def _wake(self) -> None:
        self._woken.recv(4096)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        finally:
            with self._lock:
                self._stopped = True
                for _, future in self._calls:
                    future.set_exception(RuntimeError("the virtual board has stopped"))

    def _turn(self) -> None:
        wait_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
        for key, _ in self._selector.select(wait_s):
            if key.fileobj in self._selector.get_map():  # not unwatched by one before it
                key.data()
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
        with self._lock:
            calls, self._calls = self._calls, []
        for what, future in calls:
            try:
                future.set_result(what())
            except BaseException as error:
                future.set_exception(error)
