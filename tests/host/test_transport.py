"""Real ports that open, fail, clog, flood and hang: one clear reason each, no thread left."""

import asyncio
import errno
import os
import resource
import socket
import subprocess
import sys
import threading
from contextlib import closing

import pytest
import serial
import serial.rfc2217

from host_bridge.transport import serial as serial_module
from host_bridge.transport.serial import OUT_FRAMES, SerialTransport, explain
from tests.host.port_kit import Rfc2217Server, Run, link_threads, run, why

# A thread of ours that ends with an exception nobody caught fails its test, and so does one that stays.
pytestmark = [
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.usefixtures("no_thread_stays"),
]


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
