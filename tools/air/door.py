"""A door into the simulated channel for other processes: by the wall clock, or in step with those who ask for it.

    python -m tools.air.door [--port N] [--seed N] [--preset suburban] [--loss 0.4]

JSON lines over TCP on the loopback interface. A client says {"join": name, "x":, "y":, "height":, "gain":} (m, dBi; the
rest may be left out) and then, as it likes,
  {"receive": [khz, bandwidth_khz, sf]}   {"scan": [[khz, bandwidth_khz, sf], ...], "turn_ms": 65}   {"standby": 1}
  {"send": hex, "khz":, "bw":, "sf":, "dbm":, "preamble":}   {"cad": [khz, bandwidth_khz, sf]}
  {"lockstep": 1}: from now on time goes no further than what it grants: {"until_us": N}, answered by {"now_us": N}
and is told {"heard": hex, "good":, "rssi":, "snr_qdb":, "sf":, "khz":, "end_us":}, {"locked": 1}, {"sent": end_us},
{"cad": true or false}, {"error": words}. What a client sends that is none of this ends its connection.
"""

import argparse
import json
import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from tools.air.channel import Channel, Heard
from tools.air.events import Events
from tools.air.port import Port
from tools.air.propagation import PLACES

LONGEST_LINE = 4096
LONGEST_WAIT_S = 0.5
BEHIND_CLIENT = 1 << 20  # bytes that it does not read: then it is let go


class _Client:
    """One connection: an antenna and its port, once it has joined."""

    def __init__(self, door: "Door", line: socket.socket) -> None:
        self.line = line
        self.granted_us: int | None = None  # None: it does not ask for step
        self._door = door
        self._port: Port | None = None
        self._came = b""
        self.waiting = b""  # to be sent
        self.name = ""

    def take(self, data: bytes) -> None:
        """Raises ValueError, KeyError, TypeError, RuntimeError on what is no message."""
        *lines, self._came = (self._came + data).split(b"\n")
        if len(self._came) > LONGEST_LINE:
            raise ValueError("line too long")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, said: dict[str, Any]) -> None:
        if self._port is None:
            self._join(said)
        elif "send" in said:
            data = bytes.fromhex(said["send"])
            self._port.send(data, said["khz"], said["bw"], said["sf"], said["dbm"], said["preamble"])
        elif "scan" in said:
            self._port.scan([(khz, bw, sf) for khz, bw, sf in said["scan"]], int(said["turn_ms"]) * 1000)
        elif "receive" in said:
            self._port.receive(*said["receive"])
        elif "standby" in said:
            self._port.standby()
        elif "cad" in said:
            khz, bandwidth_khz, factor = said["cad"]
            self._port.cad(khz, bandwidth_khz, factor, lambda found: self.tell(cad=found))
        elif "lockstep" in said:
            self.granted_us = self._door.events.now_us
        elif "until_us" in said:
            self.granted_us = max(int(said["until_us"]), self._door.events.now_us)
        else:
            raise ValueError(f"no such word: {', '.join(said)}")

    def _join(self, said: dict[str, Any]) -> None:
        channel = self._door.channel
        position = [float(said.get(key, default)) for key, default in (("x", 0), ("y", 0), ("height", 3), ("gain", 2))]
        name = self.name = str(said["join"])
        known = [antenna for antenna in channel.antennas if antenna.name == name]
        port = self._port = Port(channel, known[0] if known else channel.antenna(name, *position))
        port.on_heard = self._heard
        port.on_locked = lambda: self.tell(locked=1)
        port.on_sent = lambda end_us: self.tell(sent=end_us)

    def _heard(self, heard: Heard) -> None:
        self.tell(
            heard=heard.data.hex(),
            good=heard.good,
            rssi=heard.rssi_dbm,
            snr_qdb=heard.snr_qdb,
            sf=heard.config.spreading_factor,
            khz=heard.config.khz,
            end_us=heard.end_us,
        )

    def tell(self, **said: Any) -> None:
        """One line, as soon as the line takes it."""
        self.waiting += json.dumps(said).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what the line takes now."""
        try:
            self.waiting = self.waiting[self.line.send(self.waiting) :] if self.waiting else b""
        except BlockingIOError:
            if len(self.waiting) > BEHIND_CLIENT:
                raise

    def leave(self) -> None:
        """It is gone."""
        if self._port:
            self._port.on_sent = lambda end_us: None
            self._port.on_heard = lambda heard: None
            self._port.on_locked = lambda: None
            self._port.standby()
            self._door.channel.leave(self._port)
        self.line.close()


class Door:
    """Serves `channel` on a loopback port in a thread of its own, from `start` to `close`.

    While it runs nobody else may touch the channel, but inside `with door.lock`.
    """

    def __init__(self, channel: Channel, port: int = 0) -> None:
        self.channel = channel
        self.events: Events = channel.events
        self.lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self._clients: dict[socket.socket, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wanted = True
        self._began_us = 0
        self._thread = threading.Thread(target=self._serve, name="air door", daemon=True)

    def unplug(self, name: str) -> None:
        """The client of that name is let go, and nobody else gets in, until `plug`: its radio does not answer."""
        with self.lock:
            self._selector.unregister(self._listener)
            self._at = self._listener.getsockname()
            self._listener.close()
            for client in [client for client in self._clients.values() if client.name == name]:
                self._let_go(client)

    def plug(self) -> None:
        """Clients get in again."""
        with self.lock:
            self._listener = socket.create_server(self._at)
            self._listener.setblocking(False)
            self._selector.register(self._listener, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"air://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Time begins."""
        self._began_us = time.monotonic_ns() // 1000 - self.events.now_us
        self._thread.start()

    def close(self) -> None:
        """Everybody is let go."""
        self._wanted = False
        if self._thread.is_alive():
            self._thread.join()
        for client in list(self._clients.values()):
            client.leave()
        self._clients.clear()
        self._selector.close()
        self._listener.close()

    def _serve(self) -> None:
        while self._wanted:
            ready = self._selector.select(self._wait_s())
            with self.lock:
                self._go_on()
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._welcome()
                    elif key.fileobj in self._clients:  # else it was unplugged since
                        self._hear(self._clients[key.fileobj])
                self._go_on()
                for client in list(self._clients.values()):
                    self._try(client, client.flush)

    def _wait_s(self) -> float:
        if any(client.granted_us is not None for client in self._clients.values()):
            return 0.05  # time passes when somebody grants it
        due_us = self.events.next_us
        if due_us is None:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.0, (due_us - self._wall_us()) / 1e6))

    def _wall_us(self) -> int:
        return time.monotonic_ns() // 1000 - self._began_us

    def _go_on(self) -> None:
        """Time passes: as far as all those in step grant, else to the wall clock."""
        in_step = [client for client in self._clients.values() if client.granted_us is not None]
        if not in_step:
            self.events.run_until(self._wall_us())
            return
        until_us = min(client.granted_us or 0 for client in in_step)
        if until_us > self.events.now_us:
            self.events.run_until(until_us)
            self._began_us = time.monotonic_ns() // 1000 - until_us  # if they leave, the wall clock goes on from here
            for client in in_step:
                self._try(client, lambda client=client: client.tell(now_us=until_us))

    def _welcome(self) -> None:
        try:
            line, _ = self._listener.accept()
        except OSError:  # it has left, or all were unplugged
            return
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[line] = _Client(self, line)
        self._selector.register(line, selectors.EVENT_READ)

    def _hear(self, client: _Client) -> None:
        try:
            data = client.line.recv(65536)
        except OSError:
            data = b""
        if data:
            self._try(client, lambda: client.take(data))
        else:
            self._let_go(client)

    def _try(self, client: _Client, call: Any) -> None:
        """A client that says nonsense, or does not listen, is let go; the others stay."""
        if client.line not in self._clients:
            return
        try:
            call()
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OSError) as error:
            with suppress(OSError):
                client.tell(error=str(error) or type(error).__name__)
            self._let_go(client)

    def _let_go(self, client: _Client) -> None:
        if self._clients.pop(client.line, None):
            self._selector.unregister(client.line)
            client.leave()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.air.door", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="on the loopback interface (default: a free one)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", choices=sorted(PLACES), default="suburban")
    parser.add_argument("--loss", type=float, default=0.0, help="chance that a packet is lost besides (0 .. 1)")
    options = parser.parse_args()
    door = Door(Channel(Events(), options.seed, options.preset, options.loss), options.port)
    door.start()
    print(f"simulated LoRa is at {door.url}   (Ctrl-C ends it)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        door.close()


if __name__ == "__main__":
    main()
