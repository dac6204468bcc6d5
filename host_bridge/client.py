"""HTTP client of a running bridge, for the command line: answers as plain dicts, errors in words."""

import base64
import ipaddress
import os
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from host_bridge.config import Config

Answer = dict[str, Any]
TOKEN_VARIABLE = "GRIDNEXUS_TOKEN"  # noqa: S105 - the variable's name, not a token
START_IT = "start it with: gridnexus run"
COMMAND_TIMEOUT_S = 180.0  # above what radio takes: the bridge decides, not the client


class BridgeError(Exception):
    """The bridge refused a request or could not carry it out; the text says what to do."""


class BridgeDown(BridgeError):
    """Nothing answers where the bridge should be."""


class Bridge:
    """One bridge at `url`. Methods raise BridgeDown when nothing answers and BridgeError when it refuses."""

    def __init__(self, url: str, token: str, hint: str = "", timeout_s: float = 10) -> None:
        """`hint` says where the token should have come from, told when the bridge does not accept it."""
        self.url = url.rstrip("/")
        self._hint = hint
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # trust_env off: a proxy or a .netrc of this machine has no business between us and the bridge.
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def bridge(self) -> Answer:
        """Name, version, time_ms, uptime_s, schema_digest, store health."""
        answer: Answer = self._ask("/api/bridge", dict)
        return answer

    def nodes(self) -> list[Answer]:
        """Every known node with its channels and contactors; see service/bodies.py."""
        answer: list[Answer] = self._ask("/api/nodes", list)
        return answer

    def links(self, node: str = "") -> Answer:
        """How the nodes are reached, or one of them; see service/links.py."""
        answer: Answer = self._ask("/api/link", dict, node=node)
        return answer

    def node(self, name: str) -> Answer:
        """One node by name. Raises BridgeError that lists the known ones."""
        nodes = self.nodes()
        found = next((node for node in nodes if node["name"] == name), None)
        if found is None:
            known = ", ".join(node["name"] for node in nodes) or "none yet"
            raise BridgeError(f"no node {name!r}; known nodes: {known}")
        return found

    def events(self, limit: int, node: str = "", start_ms: int = 0) -> list[Answer]:
        """The newest events, of one node or of all, oldest first."""
        answer: list[Answer] = self._ask("/api/events", list, limit=limit, node=node, start=start_ms)
        answer.reverse()  # stored last comes first, also where times are equal
        return sorted(answer, key=lambda event: int(event["time_ms"]))

    def readings(
        self, node: str, channel: str, start_ms: int, end_ms: int, resolution: str, limit: int
    ) -> list[Answer]:
        """At most `limit` rows with start_ms <= time < end_ms, oldest first."""
        span: dict[str, int | str] = {"start": start_ms, "end": end_ms, "resolution": resolution, "limit": limit}
        body: Answer = self._ask("/api/readings", dict, node=node, channel=channel, **span)
        return list(body["rows"])

    def command(self, node: str, contactor: str, target: str, hold_s: int, reason: str) -> Answer:
        """Ask for a switch and wait for what became of it: the Command, whatever its verdict."""
        body = {"node": node, "contactor": contactor, "target": target, "hold_s": hold_s, "reason": reason}
        response = self._send("POST", "/api/commands", json=body, timeout=COMMAND_TIMEOUT_S)
        answer = self._json(response)
        if isinstance(answer, dict) and "verdict" in answer:
            return answer
        raise self._error(response, answer)

    def document(self, node: str, document: str) -> Answer:
        """What the node keeps: version (0: nothing), digest and body in hex."""
        answer: Answer = self._ask(f"/api/nodes/{quote(node, safe='')}/documents/{document}", dict)
        return answer

    def store_document(self, node: str, document: str, body: bytes, reason: str) -> Answer:
        """Have the node keep `body` (empty: the document before) and wait for what became of it, whatever that is."""
        path = f"/api/nodes/{quote(node, safe='')}/documents/{document}"
        response = self._send("POST", path, json={"body": body.hex(), "reason": reason}, timeout=COMMAND_TIMEOUT_S)
        answer = self._json(response)
        if isinstance(answer, dict) and "verdict" in answer:
            return answer
        raise self._error(response, answer)

    def rotate_key(self, node: str, reason: str) -> Answer:
        """Have the bridge give the node a new key, and wait for what became of it, whatever that is."""
        path = f"/api/nodes/{quote(node, safe='')}/key"
        response = self._send("POST", path, json={"reason": reason}, timeout=COMMAND_TIMEOUT_S)
        answer = self._json(response)
        if isinstance(answer, dict) and "verdict" in answer:
            return answer
        raise self._error(response, answer)

    def measure(self, node: str, channel: str, span: str) -> Answer:
        """One channel's "harmonics", or the aggregate of "3 s" or "10 min"."""
        path = f"/api/nodes/{quote(node, safe='')}/measure"
        answer: Answer = self._ask(path, dict, channel=channel, span=span)
        return answer

    def energy(self, home: str = "", part: str = "", **params: int | str) -> Any:
        """The energy agent's view, or a home's, or its "plan", "decisions", "account" or "preferences"."""
        path = "/api/energy" + (f"/homes/{quote(home, safe='')}" if home else "") + (f"/{part}" if part else "")
        return self._ask(path, list if part in ("decisions", "preferences") else dict, **params)

    def prefer(self, home: str, wish: Answer) -> Answer:
        """Have a sentence read (a proposal comes back), or a document set: see service/energy_bodies.py."""
        return self._energy("POST", f"/api/energy/homes/{quote(home, safe='')}/preferences", json=wish)

    def forget_preference(self, home: str, number: int) -> Answer:
        """It holds no more."""
        return self._energy("DELETE", f"/api/energy/homes/{quote(home, safe='')}/preferences/{number}")

    def _energy(self, method: str, path: str, **how: Any) -> Answer:
        response = self._send(method, path, **how)
        answer = self._json(response)
        if response.status_code != 200 or not isinstance(answer, dict):
            raise self._error(response, answer)
        return answer

    def worlds(self) -> list[Answer]:
        """Every microworld that the bridge runs; see service/world_bodies.py."""
        answer: list[Answer] = self._ask("/api/worlds", list)
        return answer

    def world(self, name: str, part: str = "", **params: int | str) -> Answer:
        """One of them, or its "ticks", "spec" or "case"."""
        path = f"/api/worlds/{quote(name, safe='')}"
        answer: Answer = self._ask(f"{path}/{part}" if part else path, dict, **params)
        return answer

    def install_world(self, name: str, world: bytes, binding: Answer) -> Answer:
        """Have the bridge run a world; how it stands then."""
        return self._change("POST", name, json={"world": base64.b64encode(world).decode(), "binding": binding})

    def swap_world(self, name: str, world: bytes, **how: Any) -> Answer:
        """Let a newcomer run beside the world `name`; `how` as SwapRequest has it."""
        return self._change("POST", name, "/swap", json={"world": base64.b64encode(world).decode(), **how})

    def cancel_swap(self, name: str) -> Answer:
        """Send the newcomer away that runs beside."""
        return self._change("DELETE", name, "/swap")

    def remove_world(self, name: str) -> Answer:
        """Have the bridge stop and forget a world."""
        return self._change("DELETE", name)

    def _change(self, method: str, name: str, more: str = "", **how: Any) -> Answer:
        response = self._send(method, f"/api/worlds/{quote(name, safe='')}{more}", timeout=COMMAND_TIMEOUT_S, **how)
        answer = self._json(response)
        if response.status_code not in (200, 201) or not isinstance(answer, dict):
            raise self._error(response, answer)
        return answer

    def _ask(self, path: str, kind: type, **params: int | str) -> Any:
        response = self._send("GET", path, params=params)
        answer = self._json(response)
        if response.status_code != 200 or not isinstance(answer, kind):
            raise self._error(response, answer)
        return answer

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **how)
        except httpx.TimeoutException as error:
            raise BridgeDown(f"the bridge at {self.url} does not answer in time: stopped, or overloaded?") from error
        except httpx.TransportError as error:
            raise BridgeDown(f"no bridge is running at {self.url} ({error}); {START_IT}") from error

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            return None

    def _error(self, response: httpx.Response, answer: Any) -> BridgeError:
        detail = answer.get("detail") if isinstance(answer, dict) else None
        if response.status_code == 401 and detail:
            return BridgeError(f"the bridge at {self.url} does not accept the access token; {self._hint}")
        if detail is None:
            code = response.status_code
            return BridgeError(f"what answers at {self.url} is no gridnexus bridge, or is too old or new ({code})")
        if isinstance(detail, list):  # FastAPI's list of faults in the request
            detail = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in detail)
        return BridgeError(str(detail))


def connect(config: Config, url: str | None, token_file: Path | None, timeout_s: float = 10) -> Bridge:
    """The bridge at `url`, or the one that `config` describes. Nothing is sent yet.

    The token comes from `token_file`, else $GRIDNEXUS_TOKEN, else the configuration's own file; the
    latter is never sent to another machine.
    """
    address = url or local_url(config)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BridgeError(f"{address!r} is no address of a bridge; write e.g. http://raspberrypi.local:8080")
    token, hint = _token(config, parts.hostname, token_file)
    return Bridge(address, token, hint, timeout_s)


def _token(config: Config, host: str, token_file: Path | None) -> tuple[str, str]:
    """The token, and where it came from or why there is none."""
    if token_file is None and TOKEN_VARIABLE in os.environ:
        return os.environ[TOKEN_VARIABLE].strip(), f"it came from ${TOKEN_VARIABLE}"
    if token_file is None and not is_loopback(host) and host != config.web.host:
        return "", f"give the bridge's own with --token-file or ${TOKEN_VARIABLE}"
    path = token_file or config.token_file
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})"
        if token_file is not None:
            raise BridgeError(why) from error
        return "", f"{why}; run this as the bridge's user or with its --config, or give --token-file"
    return token, f"it came from {path}"


def local_url(config: Config) -> str:
    """Where the bridge of `config` is reached from its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.web.host, config.web.host)  # noqa: S104 - read, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{config.web.port}"


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
