"""Worlds for tests of their host: a real specification, compiled; modules that fail; a node that obeys or does not."""

import functools
import hashlib

from wasmtime import wat2wasm

from host_bridge.agent import life
from host_bridge.agent.binding import Binding
from host_bridge.agent.leases import Leases
from host_bridge.agent.preparing import Prepared
from host_bridge.agent.running import Running
from host_bridge.agent.swapping import Newcomer
from host_bridge.agent.world import World
from host_bridge.microworld import spec, wasm
from host_bridge.microworld.bundle import Bundle
from host_bridge.microworld.runtime import Sandbox
from host_bridge.microworld.tick_log import TickLog
from host_bridge.model import Command, ContactorReport, LinkState, Live, NodeView, Verdict

NOW_MS = 1_900_000_000_000
SPEC = """
[world]
name = "shed"
kind = "controller"
tick = "1 s"
says = "Closes when the load has been small for a while."

[parameter]
limit = { value = "1000 W", range = ["0 W", "5000 W"], says = "a small load is at most this" }

[input]
load = { unit = "W", range = [0, 5000], says = "what the house takes" }

[state]
calm = { unit = "s", range = ["0 s", "60 s"], start = "0 s", says = "how long the load has been small" }

[output]
close = { unit = "on/off", safe = "off", says = "the heater" }
spare = { unit = "W", range = [0, 5000], safe = 0, says = "what could be taken more" }

[[rule]]
sets = "close"
is = "calm >= 3 s"

[[rule]]
sets = "spare"
is = "max(limit - load, 0 W)"

[[rule]]
sets = "next(calm)"
first = [{ when = "load > limit", then = "0 s" }]
else = "min(calm + tick, 60 s)"

[[always]]
name = "never at once"
holds = "close implies calm >= 3 s"

[[assume]]
holds = "load < 4000 W"
says = "more would have blown the fuse"
"""
BINDING = {"inputs": {"load": "home.grid.active_power_mw"}, "outputs": {"close": "home.heater"}}
SANDBOX = Sandbox(100_000, deadline_ms=5_000)

# Bodies of `step` that pretend to be of SPEC: state calm is at 16, input load 20, outputs close 24, spare 28.
GOES_WRONG = {
    "trap": "(if (i32.gt_s (i32.load (i32.const 20)) (i32.const 2000)) (then unreachable))",
    "fuel": "(loop (br_if 0 (i32.gt_s (i32.load (i32.const 20)) (i32.const 2000))))",
    "claim": "(i32.store (i32.const 24) (i32.gt_s (i32.load (i32.const 20)) (i32.const 2000)))",
    "range": "(i32.store (i32.const 28) (i32.mul (i32.load (i32.const 20)) (i32.const 2)))",
}


@functools.cache
def program(text=SPEC, limit=1000):
    return spec.read(text).program(parameters={"limit": limit})


def made(text=SPEC, limit=1000, body="") -> Prepared:
    """As `prepare` gives it, without files and signatures; `body`: of another `step` than the spec's."""
    typed = program(text, limit)
    module = wasm.compile(typed)
    if body:
        module = wat2wasm(f'(module (import "env" "memory" (memory 1)) (func $step (export "step") {body}))')
    digest = hashlib.sha256(module).hexdigest()
    bundle = Bundle(text, {}, {"limit": limit}, module, b"", "{}", "ed25519:none", digest, digest[::-1])
    return Prepared(bundle, typed, SANDBOX.load(module), 1_000_000)


def world(phase=life.RUNNING, **more) -> World:
    prepared = made(**more)
    return World(prepared.bundle, prepared.program, prepared.module, phase)


def home(load_w=500, time_ms=NOW_MS):
    """A node's view with one channel and one contactor."""
    view = NodeView("home", "loop:", LinkState.ONLINE)
    view.channels, view.contactors, view.max_hold_s = ("grid",), ("heater", "pump"), 600
    view.live[0] = live(load_w, time_ms)
    return view


def live(load_w, time_ms):
    power = None if load_w is None else 1000 * load_w
    return Live(0, time_ms, 0, 0, power, None, None, 230_000, 1_500, 50_000, 0)


class Door:
    """Dispatch as a world sees it: notes what is asked, ends each request as `ends` says, and has the view obey."""

    def __init__(self, view):
        self.view, self.asked, self.waiting = view, [], []
        self.ends, self.wait_ms = Verdict.APPLIED, 0

    async def request(self, node, contactor, target, hold_s, *, asked_by, reason):
        self.asked.append((contactor, target, hold_s))
        self.asked_by, self.reason = asked_by, reason
        if self.ends is Verdict.APPLIED:
            self.report(target, contactor)
        return Command(1, NOW_MS, node, contactor, target, hold_s, asked_by, reason, self.ends, wait_ms=self.wait_ms)

    def report(self, state, contactor="heater"):
        number = self.view.contactors.index(contactor)
        self.view.contactor_reports[number] = ContactorReport(number, NOW_MS, state, "request", 0, 0)

    def spawn(self, work):
        self.waiting.append(work)

    def settle(self):
        """Let what was asked come to its end."""
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            try:
                work.send(None)
            except StopIteration:
                continue
            raise AssertionError("a request waits for something that is not there")

    @property
    def targets(self):
        return [target for _, target, _ in self.asked]


class Stage:
    """One Running with a node of its own; `tick` goes a second on."""

    def __init__(self, folder, binding=None, **more):
        self.view, self.now_ms = home(), 0
        self.views = {"home": self.view}
        self.door = Door(self.view)
        self.told = []
        self.saved = 0
        first = world(**more)
        bound = Binding.of(binding or BINDING, first.program)
        leases = Leases(bound.targets, self.door.request, self.door.spawn, lambda: self.now_ms)
        self.running = Running("shed", first, bound, leases, TickLog(folder), self.tell, self.changed)

    def tell(self, level, kind, text):
        self.told.append((kind, text))

    def changed(self):
        self.saved += 1

    @property
    def kinds(self):
        return [kind for kind, _ in self.told]

    def tick(self, *loads, count=1):
        for load_w in loads * count:
            self.now_ms += 1000
            if load_w != "silence":
                self.view.live[0] = live(load_w, NOW_MS + self.now_ms)
            self.running.tick(self.views, NOW_MS + self.now_ms)
            self.door.settle()

    def introduce(self, shadow=3, probation=4, mapping=None, binding=None, **more):
        newcomer = world(life.SHADOW, **more)
        bound = Binding.of(binding or BINDING, newcomer.program)
        self.running.introduce(Newcomer(newcomer, bound, mapping or {}, shadow, probation, "test"))
        return newcomer

    @property
    def outputs(self):
        return self.running.world.outputs_by_name()


def other_spec(**changes):
    """SPEC with words replaced."""
    text = SPEC
    for old, new in changes.items():
        text = text.replace(old, new)
    return text
