"""`gridnexus doctor`: what is wrong with the set-up, and what to do. It changes nothing and opens no port."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from host_bridge import config, ports, words
from host_bridge.client import Bridge, BridgeDown, BridgeError, connect, is_loopback
from host_bridge.config import Config, ConfigError
from host_bridge.keys import KeyRing, KeysError, address_of
from host_bridge.terminal import printable, styled
from host_bridge.times import in_words

OLDEST_PYTHON = (3, 11)
SPACE_PROBLEM_MB, SPACE_WARNING_MB = 100, 1000
DATABASE_CHECK_S = 60
LARGEST_OFFSET_MS = 2000
FEWEST_FLASH_YEARS = 10
LEAST_HEAP_BYTES = 20_000
STRANGE = ("unknown", "forged")  # counters of packets that no key here fits
LINE_ERRORS = ("dropped", "rejected")  # how the counters of what was lost on the line begin
FEW_ERRORS_PER_FRAME = 0.001  # below it is what plugging and unplugging leaves behind


class Finding(NamedTuple):
    """The result of one check."""

    level: str  # ok, warning, problem
    subject: str
    text: str
    cure: str = ""  # what to do; empty when ok


Findings = Iterator[Finding]


def examine(path: Path | None) -> list[Finding]:
    """Every check there is, in the order to mend things in; `path` is the configuration that would be used."""
    findings = [python_version(sys.version_info[:3])]
    try:
        settings = config.load(path)
    except ConfigError as error:
        return findings + [Finding("problem", "configuration", str(error), "correct the file, then run this again")]
    findings.append(Finding("ok", "configuration", str(path) if path else "no file, the defaults are used"))
    with connect(settings, None, None, timeout_s=3) as bridge:
        running = list(bridge_and_nodes(bridge, settings))
    findings += state_dir(settings.bridge.state_dir)
    findings += token_file(settings.token_file)
    findings += keys(settings.key_folder, len(settings.links))
    findings += database(settings.database)
    findings += links(settings)
    findings += clock(time.time())
    findings += listening(settings)
    return findings + running


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings, problems with their cure beneath."""
    for finding in findings:
        line = styled(finding.level).append(f"{'':{8 - len(finding.level)}}{printable(finding.subject)}: ", "default")
        console.print(line.append(printable(finding.text), "default"), soft_wrap=True)
        if finding.cure:
            console.print(Text(f"        {printable(finding.cure)}", "bold"), soft_wrap=True)
    counts = {level: sum(finding.level == level for finding in findings) for level in ("problem", "warning")}
    console.print(f"{counts['problem']} problems, {counts['warning']} warnings", highlight=False)


def python_version(version: tuple[int, int, int]) -> Finding:
    text = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return Finding("problem", "python", text, "install Python 3.11 or newer and make the environment again")
    return Finding("ok", "python", text)


def state_dir(folder: Path) -> Findings:
    """Whether the bridge can keep things there. A folder that is missing is made at the first start."""
    there = next((each for each in (folder, *folder.parents) if os.path.exists(each)), folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        yield Finding(
            "problem", "state directory", f"{folder} cannot be written by this user",
            f"run as the bridge's user, or: sudo chown -R $USER {folder}, or set [bridge] state_dir",
        )  # fmt: skip
        return
    free_mb = shutil.disk_usage(there).free // 1_000_000
    text = f"{folder}{'' if folder.exists() else ' (made at the first start)'}, {free_mb:,} MB free"
    cure = "free some space, or lower [store] raw_days, or put [bridge] state_dir on a larger disk"
    level = "problem" if free_mb < SPACE_PROBLEM_MB else "warning" if free_mb < SPACE_WARNING_MB else "ok"
    yield Finding(level, "state directory", text, "" if level == "ok" else cure)


def token_file(path: Path) -> Findings:
    """The access token must be its owner's alone."""
    try:
        mode = path.stat().st_mode & 0o777
        path.read_bytes()
    except FileNotFoundError:
        yield Finding("ok", "access token", f"{path} is made at the first start")
    except OSError as error:
        yield Finding("problem", "access token", f"{path}: {error.strerror}", "run this as the bridge's user")
    else:
        if mode & 0o077:
            cure = f"delete {path} and restart the bridge: who has read it keeps access until then"
            yield Finding("problem", "access token", f"{path} may be read by others (mode {mode:o})", cure)
        else:
            yield Finding("ok", "access token", f"{path}, mode {mode:o}")


def keys(folder: Path, links: int) -> Findings:
    """Whether the nodes' keys are their owner's alone, can be used, and are enough for `links` ports."""
    make_one = "gridnexus provision NAME --port PORT (the board's console), or --folder DIR for a node on this machine"
    if not folder.exists():
        level = "warning" if links else "ok"
        yield Finding(level, "keys", f"{folder} is not there: no node has a key", make_one if links else "")
        return
    try:
        ring = KeyRing(folder)
        nodes = ring.all()
    except KeysError as error:
        text, _, cure = str(error).rpartition(": ")
        yield Finding("problem", "keys", text, cure)
        return
    except OSError as error:
        yield Finding("problem", "keys", f"{folder}: {error.strerror}", "run this as the bridge's user")
        return
    for fault in ring.faults.values():
        text, _, cure = fault.rpartition(": ")
        yield Finding("problem", "keys", text, f"{cure}; until then its node is not heard")
    by_address: dict[int, str] = {}
    for node in nodes:
        other = by_address.setdefault(address_of(node.name), node.name)
        if other != node.name:
            cure = f"give one of them another name: gridnexus provision NEW-NAME --rename, then --forget {node.name}"
            yield Finding("warning", "keys", f"{other} and {node.name} have the same address on the link", cure)
    text = f"{folder}, {len(nodes)} nodes have a key"
    if len(nodes) + len(ring.faults) < links:
        yield Finding("warning", "keys", f"{text}, and {links} links are configured", make_one)
    elif not ring.faults:
        yield Finding("ok", "keys", text)


def database(path: Path, longest_s: float = DATABASE_CHECK_S) -> Findings:
    """SQLite's own quick check, read-only, given up after `longest_s`, and whether it is in WAL mode."""
    try:
        size_mb = path.stat().st_size / 1e6
    except FileNotFoundError:
        yield Finding("ok", "database", f"{path} is made at the first start")
        return
    except OSError as error:
        yield Finding("problem", "database", f"{path}: {error.strerror}", "run this as the bridge's user")
        return
    cure = "stop the bridge and start it: it puts a damaged file aside, begins a new one, and says so"
    give_up = time.monotonic() + longest_s
    try:
        with sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True, timeout=5) as connection:
            journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
            connection.set_progress_handler(lambda: time.monotonic() > give_up, 10_000)
            result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        connection.close()
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            yield Finding("ok", "database", f"{path} opens; too large to check whole in {longest_s:.0f} s")
        else:
            yield Finding("problem", "database", f"{path}: {error}", f"check its owner and mode; else {cure}")
    except sqlite3.DatabaseError as error:
        yield Finding("problem", "database", f"{path}: {error}", cure)
    else:
        if result != "ok":
            yield Finding("problem", "database", f"{path} is damaged: {result}", cure)
        elif journal != "wal":
            yield Finding("warning", "database", f"{path} is not in WAL mode but {journal}", "restart the bridge")
        else:
            yield Finding("ok", "database", f"{path}, {size_mb:,.1f} MB, checked, WAL mode")


def links(settings: Config) -> Findings:
    """Each configured port: there, permitted, free, named in a way that lasts, and not configured twice."""
    if not settings.links:
        there = ports.plugged_in()
        example = there[0] if there else "/dev/serial/by-id/..."
        cure = f'add to the configuration: [[link]] and below it url = "{example}", or: gridnexus run --link {example}'
        yield Finding("warning", "links", f"none configured; {len(there)} serial devices are plugged in", cure)
    seen: dict[Path, str] = {}
    for link in settings.links:
        scheme = urlsplit(link.url).scheme
        if scheme:
            yield Finding("ok", f"link {link.url}", f"reached over {scheme}; not tried, that could disturb its user")
            continue
        device = Path(link.url)
        if device.exists() and device.resolve() in seen:
            text = f"is the same device as {seen[device.resolve()]}"
            yield Finding("problem", f"link {link.url}", text, "remove one of the two from the configuration")
            continue
        seen[device.resolve()] = link.url
        yield port(device)


def port(device: Path) -> Finding:
    """One local serial port."""
    subject = f"link {device}"
    if not device.exists():
        there = ", ".join(map(str, ports.plugged_in())) or "none"
        return Finding("problem", subject, "is not there", f"plug the node in or correct the url; plugged in: {there}")
    if not ports.may_open(device):
        group = ports.owning_group(device)
        cure = f"sudo usermod -aG {group} $USER, then log in again" if group != "root" else f"sudo chmod a+rw {device}"
        return Finding("problem", subject, f"may not be opened by this user (group {group} may)", cure)
    others = [each for each in ports.holders_of_device(device) if not is_bridge(each)]
    if others and ports.is_pseudo(device):
        return Finding("ok", subject, f"a pseudo-terminal, also open in process {others[0].pid}: {others[0].command}")
    if others:
        return Finding(
            "problem", subject, f"is in use by process {others[0].pid}: {others[0].command}", _free(others[0])
        )
    lasting = ports.by_id(device)
    if lasting and lasting != device:
        return Finding("warning", subject, "its name changes when cables are swapped", f'write url = "{lasting}"')
    return Finding("ok", subject, "there, permitted, and free or ours")


def is_bridge(process: ports.Holder) -> bool:
    """Whether a process is a bridge of ours, by its command line."""
    return "gridnexus" in process.command or "host_bridge" in process.command


def clock(now_s: float) -> Findings:
    """Whether the time can be right, and whether something keeps it right."""
    made_s = Path(__file__).stat().st_mtime
    text = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    cure = "connect it to a network once, or fit a clock module; then: sudo timedatectl set-ntp true"
    if now_s < made_s - 86_400:
        yield Finding("problem", "clock", f"{text} is earlier than this software", cure)
        return
    synchronised = _synchronised()
    if synchronised is None:
        cure = "see that chrony, ntpd or systemd-timesyncd runs, or that this machine's host keeps its clock"
        yield Finding("warning", "clock", f"{text}; whether it is synchronised cannot be told here", cure)
    elif not synchronised:
        yield Finding("warning", "clock", f"{text}, not synchronised", cure)
    else:
        yield Finding("ok", "clock", f"{text}, synchronised")


def listening(settings: Config) -> Findings:
    """Who could reach the page, and whether its port is free or ours."""
    web = settings.web
    if not is_loopback(web.host):
        yield Finding(
            "warning", "web", f"listens on {web.host}: others in the network can try the access token, unencrypted",
            'set [web] host = "127.0.0.1" and use ssh -L or a TLS proxy, unless the network is trusted',
        )  # fmt: skip
    holders = ports.holders_of_port(web.port)
    others = [each for each in holders if not is_bridge(each)]
    if others:
        text = f"port {web.port} is in use by process {others[0].pid}: {others[0].command}"
        yield Finding("problem", "web", text, "stop it, or set another [web] port")
    elif not holders and _in_use(web.host, web.port):
        text = f"port {web.port} is in use, by a process of another user"
        yield Finding(
            "warning", "web", text, "if it is not the bridge: set another [web] port; sudo gridnexus doctor tells"
        )
    else:
        yield Finding("ok", "web", f"port {web.port} is {'ours' if holders else 'free'}")


def bridge_and_nodes(bridge: Bridge, settings: Config) -> Findings:
    """What the running bridge says of itself and its nodes."""
    try:
        about, nodes = bridge.bridge(), bridge.nodes()
    except BridgeDown:
        yield Finding("warning", "bridge", f"not running at {bridge.url}", "start it with: gridnexus run")
        return
    except BridgeError as error:
        yield Finding("problem", "bridge", str(error), "run this as the bridge's user, with the bridge's configuration")
        return
    text = f"{about['name']} {about['version']}, up for {in_words(about['uptime_s'] * 1000)}"
    yield Finding("ok", "bridge", text)
    store = about["store"]
    if not store.get("writable", True):
        text = f"cannot write: {store.get('error') or 'no reason given'}"
        yield Finding("problem", "store", text, "see state directory and database above; readings wait in memory")
    if settings.links and not nodes:
        yield Finding("warning", "nodes", "none has answered yet", "see that the nodes have power and run the firmware")
    for node in nodes:
        yield from _node(node, about["time_ms"])


def _node(node: dict[str, Any], now_ms: int) -> Findings:
    subject, state = f"node {node['name']}", node["link_state"]
    heard = f"heard {in_words(now_ms - node['last_heard_ms'])} ago" if node["last_heard_ms"] else "never heard"
    if state == "incompatible":
        yield Finding(
            "problem", subject, "speaks a schema that this bridge does not know", "update the node or the bridge"
        )
    elif state != "online" and any(node["counters"].get(cause) for cause in STRANGE):
        cure = "gridnexus events says which node; then: gridnexus provision NAME with the port of its console"
        yield Finding("problem", subject, f"{state}: a node speaks there whose key is not kept here", cure)
    elif state != "online":
        yield Finding("warning", subject, f"{state}, {heard}", "see that it has power and that its cable sits")
    else:
        yield Finding("ok", subject, f"online, {heard}")
    lost = {name: count for name, count in node["counters"].items() if count and name.startswith(LINE_ERRORS)}
    if sum(lost.values()) > FEW_ERRORS_PER_FRAME * node["counters"].get("frames", 0) + 10:
        text = ", ".join(f"{name} {count}" for name, count in lost.items())
        cure = "see that no other program reads the port; try a shorter cable and a common ground; check baud"
        yield Finding("warning", subject, f"line errors: {text}", cure)
    if state == "online":
        yield from _contactors(subject, node)
        yield from _vitals(subject, node.get("vitals"), now_ms)
    if abs(node["clock_offset_ms"] or 0) > LARGEST_OFFSET_MS:
        yield Finding("warning", subject, f"its clock has moved {node['clock_offset_ms']:.0f} ms", "see clock above")


def _contactors(subject: str, node: dict[str, Any]) -> Findings:
    """Those that somebody must look at, and channels that are not to be trusted."""
    for body in node["contactors"]:
        if body["state"] in ("tripped", "locked out"):
            level = "problem" if body["state"] == "locked out" else "warning"
            text = f"{body['name']} is {body['state']} {words.CAUSES[body['cause']]}"
            yield Finding(level, subject, text, words.advice(body["state"], body["cause"]))
    for channel in node["channels"]:
        if channel["quality"]:
            text = f"{channel['channel']}: {words.quality(channel['quality'])}"
            yield Finding("warning", subject, text, words.cures(channel["quality"]) or "see whether it passes")


def _vitals(subject: str, vitals: dict[str, Any] | None, now_ms: int) -> Findings:
    """What the node says of its flash, memory, plan and clock."""
    if vitals is None:
        return
    years = vitals["flash_years"]
    if years is not None and years < FEWEST_FLASH_YEARS:
        cure = "see what makes it save so often: gridnexus events; replace the board in good time"
        yield Finding("warning", subject, f"at this rate its flash lasts {years} years", cure)
    if vitals["heap_free_bytes"] is not None and vitals["heap_free_bytes"] < LEAST_HEAP_BYTES:
        text = f"{vitals['heap_free_bytes']:,} bytes of its memory are free"
        yield Finding("warning", subject, text, "restart it, and tell the project if that comes again")
    if not vitals["clock_known"]:
        cure = "see clock above: the bridge tells the time to its nodes once it knows it"
        yield Finding("warning", subject, "does not know the time of day: alone it would follow no plan", cure)
    if vitals["plan_version"] and vitals["plan_until_unix_s"] * 1000 < now_ms:
        yield Finding("warning", subject, "its plan has run out: alone it would open everything", "gridnexus plan")


def _free(process: ports.Holder) -> str:
    if "ModemManager" in process.command:
        return "sudo systemctl disable --now ModemManager"
    if "getty" in process.command:
        return "turn the serial console off: sudo raspi-config, Interface Options, Serial Port"
    return f"close it (kill {process.pid}), or give the node another port"


def _synchronised() -> bool | None:
    """What systemd says of NTP; None where it cannot be asked."""
    try:
        asked = subprocess.run(
            ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],  # noqa: S607 - wherever the system keeps it
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip() == "yes"


def _in_use(host: str, port: int) -> bool:
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as attempt:
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                attempt.bind(address)
    except OSError:
        return True
    return False
