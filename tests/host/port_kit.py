"""Ports for tests of the serial transport: pseudo-terminals, a server of RFC 2217, and one life of a transport."""

import asyncio
import os
import pty
import threading
import tty
from contextlib import asynccontextmanager, suppress

import serial
import serial.rfc2217

from host_bridge.transport import LinkError
from host_bridge.transport.serial import SerialTransport


class Line:
    """A pseudo-terminal: `path` is what the bridge opens, `ours` the device's end of the cable."""

    def __init__(self, stack):
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        os.set_blocking(self.ours, False)
        self.path = os.ttyname(theirs)
        self._open = [self.ours, theirs]
        stack.callback(self.unplug)

    def unplug(self):
        while self._open:
            os.close(self._open.pop())

    def read(self):
        with suppress(BlockingIOError):
            return os.read(self.ours, 65536)
        return b""


def link_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("link ")]


class Run:
    """One `run` of a transport: what came, and the reason it ended."""

    def __init__(self, transport):
        self.transport = transport
        self.opened = asyncio.Event()
        self.got = b""
        self.chunks = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self):
        try:
            await self.transport.run(self.opened.set, self._received)
        except LinkError as error:
            return str(error)

    def _received(self, data):
        self.got += data
        self.chunks += 1

    async def until(self, condition):
        async with asyncio.timeout(30):  # for a machine with much else to do
            while not condition():  # noqa: ASYNC110 (whatever it asks about)
                await asyncio.sleep(0.002)

    async def reason(self):
        return await asyncio.wait_for(self.task, 15)


@asynccontextmanager
async def run(transport):
    """A Run that has opened its port, and that is cancelled at the end."""
    run = Run(transport)
    try:
        await asyncio.wait_for(run.opened.wait(), 10)
        yield run
    finally:
        run.task.cancel()
        with suppress(asyncio.CancelledError):
            await run.task


def why(url, **options):
    """The reason for which a port does not open."""

    async def fail():
        return await Run(SerialTransport(url, **options)).reason()

    return asyncio.run(fail())


class Rfc2217Server(threading.Thread):
    """One client of a port shared by pyserial's own server logic; the port is its loop://, an echo."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self._server = server
        self.connection = None

    def run(self):
        self.connection, _ = self._server.accept()
        port = serial.serial_for_url("loop://", timeout=0)
        manager = serial.rfc2217.PortManager(port, self)
        with suppress(OSError):
            while data := self.connection.recv(1024):
                port.write(b"".join(manager.filter(data)))
                if echo := port.read(port.in_waiting):
                    self.write(b"".join(manager.escape(echo)))

    def write(self, data):
        self.connection.sendall(data)
