"""Real ports that open, fail, clog, flood and hang: one clear reason each, no thread left, no other link disturbed.

Longer than most files, so that every way in which one port can fail stands in one place.
"""

import asyncio
import errno
import os
import pty
import resource
import socket
import subprocess
import sys
import threading
import tty
from contextlib import ExitStack, asynccontextmanager, closing, suppress

import pytest
import serial
import serial.rfc2217

from host_bridge import link as link_module
from host_bridge.transport import LinkError
from host_bridge.transport import serial as serial_module
from host_bridge.transport.serial import OUT_FRAMES, SerialTransport, explain
from tests.host.fleet_kit import running
from tests.host.wire_peer import Peer

# A thread of ours that ends with an exception nobody caught fails its test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


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


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def line(stack):
    return Line(stack)


@pytest.fixture(autouse=True)
def no_thread_stays():
    """Whatever a test does, the threads of its links end."""
    yield
    for thread in link_threads():
        thread.join(8)
    assert link_threads() == []


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
        async with asyncio.timeout(15):
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


# Ports that do not open


def test_a_port_that_is_not_there(tmp_path):
    reason = why(str(tmp_path / "ttyACM0"))
    assert "the port is not there" in reason and "/dev/serial/by-id" in reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_a_port_without_permission_names_the_group(line):
    os.chmod(line.path, 0)
    program = (
        "import os, asyncio; from host_bridge.transport.serial import SerialTransport\n"
        "os.setgroups([]); os.setuid(65534)\n"
        f"asyncio.run(SerialTransport({line.path!r}).run(print, print))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "LinkError: no permission: add the user of the bridge to the group dialout" in done.stderr


def holding(path, how):
    """Another process that has the port for itself."""
    program = f"import fcntl, os, sys, termios\nport = os.open({path!r}, os.O_RDWR | os.O_NOCTTY)\n{how}\n"
    program += "print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def test_a_port_that_another_process_has_locked(line):
    with holding(line.path, "fcntl.flock(port, fcntl.LOCK_EX)") as other:
        assert why(line.path).startswith("in use by another program")
        other.stdin.close()

    async def open_then():
        async with run(SerialTransport(line.path)):
            pass

    asyncio.run(open_then())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_a_port_that_another_process_has_made_exclusive(line):
    os.chmod(line.path, 0o666)
    program = (
        "import os, asyncio; from host_bridge.transport.serial import SerialTransport\n"
        "os.setgroups([]); os.setuid(65534)\n"  # root would be let in
        f"asyncio.run(SerialTransport({line.path!r}).run(print, print))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with holding(line.path, "fcntl.ioctl(port, termios.TIOCEXCL)") as other:
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        other.stdin.close()
    assert "LinkError: in use by another program" in done.stderr


def test_two_links_cannot_share_a_port(line):
    async def both():
        async with run(SerialTransport(line.path)):
            return await Run(SerialTransport(line.path)).reason()

    assert asyncio.run(both()).startswith("in use by another program")


def test_what_is_no_serial_port(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("")
    for name in ("fifo", "file", "."):
        assert "no serial port" in why(str(tmp_path / name)), name


@pytest.mark.parametrize("url", ["socket://localhost", "rfc2217://localhost", "socket://", "rfc2217://:x"])
def test_a_url_without_a_port_number(url):
    assert "not complete" in why(url)


def test_a_url_of_an_unknown_kind():
    assert "carrier-pigeon" in why("carrier-pigeon://1")


def test_a_server_that_is_not_running():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    for scheme in ("socket", "rfc2217"):
        assert "connection refused" in why(f"{scheme}://127.0.0.1:{port}")


def test_a_server_that_accepts_and_says_nothing():
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"rfc2217://127.0.0.1:{silent.getsockname()[1]}?timeout=0.2"
        assert "RFC 2217" in why(url)


def test_a_port_that_hangs_while_it_opens_is_given_up_and_not_piled_up(monkeypatch):
    monkeypatch.setattr(serial_module, "OPEN_WITHIN_S", 0.1)
    let_go, opening = threading.Event(), []

    def hang(url, *arguments, **options):
        opening.append(url)
        let_go.wait(10)
        raise serial.SerialException(errno.ENXIO, "too late")

    monkeypatch.setattr(serial_module.serial, "serial_for_url", hang)

    async def hanging():
        transport = SerialTransport("/dev/hangs")
        reasons = [await Run(transport).reason() for _ in range(4)]
        assert len(opening) == 1 and len(link_threads()) == 1
        let_go.set()
        reasons.append(await Run(transport).reason())
        return reasons

    *first, last = asyncio.run(hanging())
    assert set(first) == {"does not open within 0 s"}
    assert "plugged in" in last


def test_a_port_that_opens_too_late_is_closed_again(monkeypatch, line):
    monkeypatch.setattr(serial_module, "OPEN_WITHIN_S", 0.1)
    let_go, real = threading.Event(), serial.serial_for_url

    def slow(*arguments, **options):
        let_go.wait(10)
        return real(*arguments, **options)

    monkeypatch.setattr(serial_module.serial, "serial_for_url", slow)

    async def late():
        transport = SerialTransport(line.path)
        assert "does not open" in await Run(transport).reason()
        monkeypatch.setattr(serial_module, "OPEN_WITHIN_S", 5)
        let_go.set()
        async with run(transport) as again:
            os.write(line.ours, b"to the second life")
            await again.until(lambda: again.got == b"to the second life")
            transport.send(b"and back")
            await again.until(lambda: line.read() == b"and back")

    asyncio.run(late())


# Ports that are open


def test_bytes_go_both_ways_and_again_after_a_reopening(line):
    async def twice():
        transport = SerialTransport(line.path)
        for turn in range(3):
            async with run(transport) as life:
                sent = bytes(range(256)) * 4 + bytes([turn])
                os.write(line.ours, sent)
                await life.until(lambda: life.got == sent)  # noqa: B023
                transport.send(b"out\x00\x11\x13\r\n")
                await life.until(lambda: line.read() == b"out\x00\x11\x13\r\n")

    asyncio.run(twice())


def test_what_is_sent_while_the_port_is_closed_is_dropped(line):
    async def later():
        transport, heard = SerialTransport(line.path), []
        for letter in (b"x", b"y"):
            transport.send(b"never")
            async with run(transport) as life:
                transport.send(letter)
                await life.until(lambda: heard.append(line.read()) or letter in b"".join(heard))  # noqa: B023
        assert b"".join(heard) == b"xy"

    asyncio.run(later())


def test_an_unplugged_port_says_so(line):
    async def unplugged():
        async with run(SerialTransport(line.path)) as life:
            line.unplug()
            return await life.reason()

    assert "plugged in" in asyncio.run(unplugged())


def test_an_unplugged_port_says_so_while_much_is_being_sent(line):
    async def unplugged():
        transport = SerialTransport(line.path)
        async with run(transport) as life:
            for _ in range(OUT_FRAMES):
                transport.send(b"x" * 1000)
            line.unplug()
            return await life.reason()

    assert "plugged in" in asyncio.run(unplugged())


def test_nothing_comes_once_a_run_has_ended(line):
    async def ended():
        async with run(SerialTransport(line.path)) as life:
            os.write(line.ours, b"a")
            await life.until(lambda: life.got)
        for _ in range(50):
            os.write(line.ours, b"late")
            await asyncio.sleep(0.005)
        return life.got

    assert asyncio.run(ended()) == b"a"


def test_a_peer_that_does_not_read_costs_neither_time_nor_memory(line, monkeypatch):
    monkeypatch.setattr(serial_module, "TURN_S", 0.01)

    async def clogged():
        transport = SerialTransport(line.path)
        async with run(transport) as life:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for _ in range(100):
                for _ in range(300):
                    transport.send(bytes(4096))
                await asyncio.sleep(0.001)
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000  # kB, of 120,000 sent
            os.write(line.ours, b"still heard")
            await life.until(lambda: life.got == b"still heard")
            heard = b""

            def has_heard():
                nonlocal heard
                heard += line.read()
                transport.send(b"hello")
                return b"hello" in heard

            await life.until(has_heard)  # it writes again once the peer reads

    asyncio.run(clogged())


def test_a_port_whose_peer_does_not_read_can_be_left(line):
    async def clogged():
        transport = SerialTransport(line.path)
        async with run(transport):
            for _ in range(OUT_FRAMES):
                transport.send(bytes(4096))
            await asyncio.sleep(0.05)
        async with run(transport) as again:  # which the first has let go
            os.write(line.ours, b"x")
            await again.until(lambda: again.got == b"x")

    asyncio.run(clogged())


def test_a_peer_that_floods_is_held_off_while_the_loop_is_busy(line, monkeypatch):
    monkeypatch.setattr(serial_module, "IN_PORTIONS", 3)
    portions = threading.Semaphore(0)  # one for each portion the reading thread has ready

    class Counted(threading.Semaphore):
        def acquire(self, *arguments, **options):
            portions.release()
            return super().acquire(*arguments, **options)

    monkeypatch.setattr(serial_module.threading, "Semaphore", Counted)

    async def flooded():
        async with run(SerialTransport(line.path)) as life:
            for number in range(4):  # the loop takes nothing meanwhile
                os.write(line.ours, bytes([number]))
                assert portions.acquire(timeout=5)
            await asyncio.sleep(0)
            assert life.got == bytes([0, 1, 2])
            await life.until(lambda: life.got == bytes([0, 1, 2, 3]))

    asyncio.run(flooded())


def test_a_socket_echoes_and_its_end_is_told(stack):
    server = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))

    async def echoed():
        transport = SerialTransport(f"socket://127.0.0.1:{server.getsockname()[1]}")
        async with run(transport) as life:
            peer, _ = server.accept()
            sent = bytes(range(256)) * 20
            peer.sendall(sent)
            await life.until(lambda: life.got == sent)
            assert life.chunks < len(sent) / 20  # not a byte or two at a time
            transport.send(b"back")
            assert await asyncio.to_thread(peer.recv, 10) == b"back"
            peer.close()
            return await life.reason()

    assert asyncio.run(echoed()) == "the serial server closed the connection"


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


def test_rfc2217_echoes_and_its_end_is_told(stack):
    server = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    echo = Rfc2217Server(server)
    echo.start()

    async def echoed():
        transport = SerialTransport(f"rfc2217://127.0.0.1:{server.getsockname()[1]}")
        async with run(transport) as life:
            sent = bytes(range(256)) * 2  # with the telnet escape, 255
            transport.send(sent)
            await life.until(lambda: life.got == sent)
            echo.connection.shutdown(socket.SHUT_RDWR)
            return await life.reason()

    assert asyncio.run(echoed()) == "the serial server closed the connection"


def test_the_loop_may_end_before_the_port(line):
    transport = SerialTransport(line.path)

    async def begin():
        life = Run(transport)
        await life.opened.wait()

    asyncio.run(begin())  # cancels the task and closes the loop
    os.write(line.ours, b"x" * 100)


def test_unknown_errors_keep_their_words():
    assert explain(ValueError("baud rate 7 is not possible")) == "baud rate 7 is not possible"
    assert explain(KeyError()) == "KeyError"
    assert explain(OSError(errno.EOVERFLOW, "too large")) == f"[Errno {errno.EOVERFLOW}] too large"


# Two links in one fleet


class Device(Peer):
    """A node on a Line: hears and speaks over its pseudo-terminal whenever `turn` is called."""

    def __init__(self, line, **hello):
        super().__init__(**hello)
        self.transport = SerialTransport(line.path)
        self.line = line

    def say(self, message):
        with suppress(OSError):
            os.write(self.line.ours, self.frame(message))

    def turn(self):
        with suppress(OSError):
            self.hear(self.line.read())
        self.say(self.live(0, 5))


def fleet_of_two(monkeypatch, stack, course):
    """Run course(kit, bad) beside two nodes on ports; home-02 must stay online whatever `bad`, home-01's, suffers."""
    monkeypatch.setattr(link_module, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.05)
    lines = [Line(stack), Line(stack)]
    devices = [Device(line, name=f"home-0{number}") for number, line in enumerate(lines, 1)]

    async def talk():
        while True:
            for device in devices:
                device.turn()
            await asyncio.sleep(0.01)

    async def both():
        async with running(monkeypatch, *devices) as kit:
            kit.fleet._stale_after_ms = 2000
            talking = asyncio.create_task(talk())
            try:
                await kit.online("home-01", "home-02")
                await course(kit, lines[0])
            finally:
                talking.cancel()
            assert kit.state("home-02") == "online"
            assert [event.kind for event in kit.events.recent if event.node == "home-02"] == ["node online"]

    asyncio.run(both())


def failures(kit):
    return kit.texts("link failed")


def test_an_unplugged_port_is_one_event_and_disturbs_no_other(monkeypatch, stack):
    async def course(kit, line):
        line.unplug()
        await kit.until(lambda: kit.state("home-01") == "stale")
        await kit.ticks(30)
        assert len(failures(kit)) == 1 and "plugged in" in failures(kit)[0]

    fleet_of_two(monkeypatch, stack, course)


def test_garbage_is_one_event_and_disturbs_no_other(monkeypatch, stack):
    monkeypatch.setattr(link_module, "GARBAGE_MS", 100)

    async def course(kit, line):
        for _ in range(60):
            os.write(line.ours, os.urandom(200))
            await asyncio.sleep(0.01)
        assert kit.kinds("garbage", "garbage over", "link failed") == ["garbage"]
        await kit.until(lambda: kit.kinds("garbage over"))
        assert kit.state("home-01") == "online"

    fleet_of_two(monkeypatch, stack, course)


def test_a_second_reader_on_the_port_is_told_and_disturbs_no_other(monkeypatch, stack):
    monkeypatch.setattr(link_module, "GARBAGE_MS", 100)

    async def course(kit, line):
        thief = os.open(line.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        stack.callback(os.close, thief)

        async def stealing():
            with suppress(BlockingIOError):
                os.read(thief, 7)
            return "another program" in "".join(failures(kit) + kit.texts("garbage"))

        async with asyncio.timeout(10):
            while not await stealing():  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(200):
            await stealing()
            await asyncio.sleep(0.001)
        assert len(failures(kit)) <= 1 and len(kit.texts("garbage")) <= 1

    fleet_of_two(monkeypatch, stack, course)
