"""The distilled policy (catalogue/home_policy) on the node as bytecode, here as wasm: the same in every tick; and what
a decision costs in time and energy on either side.

Ticks are a second long here, so that there are some, and it begins with a need of yesterday; the rule is the
catalogue's otherwise. The node's first channel is taken for the battery's meter, its last one for the home's.
"""

import re
import time

from hil.bench import Load
from hil.checks import NO_DWELL, Maker, has, running
from hil.checks.worlds import agrees, store, wasm_step
from hil.figures import Notebook
from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.bytecode import compile
from host_bridge.microworld.program import Program
from host_bridge.model import NodeView

COURSE_MW = (2_500_000, 150_000)
STAY_S = 2
STEPS = 2000  # here
# An RP2040's core is fed by its own linear regulator, which gives 100 mA at most (its datasheet, 2.10), from 3.3 V.
RP2040_MOST_W = 0.33
# A Raspberry Pi 4's bare board, active: 600 mA at 5 V (its maker's documentation).
PI_W = 3.0


def program() -> Program:
    """The catalogue's, with ticks of a second; it may buy all day until a need of yesterday of 5 kW ticks is met."""
    text = catalogue.spec_path("home_policy").read_text(encoding="utf-8")
    text = text.replace('tick = "5 min"', 'tick = "1 s"').replace("to(min, tick)", "5 min")
    text = re.sub(r'(need_before = .*?start = )"0 W"', r'\1"5000 W"', text)
    return spec.read(text).program(parameters={"buy_from": 0, "dear_from": 1439})


def _binding(view: NodeView, now_s: int) -> dict[str, dict[str, object]]:
    power = "active_power_mw"
    inputs: dict[str, object] = {"minute": "clock.minute_of_day"}
    inputs |= {"battery": f"{view.channels[0]}.{power}", "grid": f"{view.channels[-1]}.{power}"}
    return {"inputs": inputs, "outputs": {"charge": view.contactors[0], "hold": None}}


def same(make: Maker, notes: Notebook) -> None:
    """Every tick that the node tells is worked out again here: states, inputs and outputs."""
    its = program()
    with running(make, edits=NO_DWELL) as (bench, host):
        store(host, its, compile(its), _binding, guard=False)
        for power_mw in COURSE_MW:
            if has(bench, "converter"):
                bench.set_load(Load(active_mw=power_mw))
            host.run(STAY_S * 1000)
        agrees(host, its, wasm_step(its), notes, 4, "policy_ticks", of_outputs=False)


def costs(notes: Notebook) -> None:
    """Of a decision: on the emulated RP2040, and of the wasm on this machine."""
    from tests.bench import node_worlds

    its = program()
    (ran,) = node_worlds.run([its], 1)
    assert not ran.unequal, f"the emulated RP2040 gives something else: {', '.join(ran.unequal)}"
    ms = ran.mean_us / 1000
    notes.hold("policy_node_ms", ms, f"mean of 200 ticks, the longest {ran.longest_us / 1000:.2f} ms")
    notes.note(
        "policy_node_uj", ran.mean_us * RP2040_MOST_W, "computed: that time at 0.33 W, the most its regulator gives"
    )
    step, state = wasm_step(its), [quantity.start for quantity in its.state]
    begun = time.process_time()
    for number in range(STEPS):
        state, _ = step(state, (number % 3000, 0, number % 1440))
    pi_ms = 1000 * (time.process_time() - begun) / STEPS
    notes.note("policy_host_ms", pi_ms, "wasm, a call for each tick, on this machine: not a Pi")
    notes.note("policy_host_uj", 1000 * pi_ms * PI_W, "computed: that time at a Pi 4's 3 W")
