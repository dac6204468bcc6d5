"""A microworld on the node as bytecode, and the same world here as wasm: every tick that the node tells is run again.

The catalogue's worlds, with short times so that they switch within the test. What they are told is what the node
measures while the load changes, what its contactor does, and what is asked of it.
"""

from collections.abc import Callable, Sequence

from hil.bench import MS, Bench, Load
from hil.checks import NO_DWELL, Maker, applied, has, moments, running
from hil.checks.endurance import HEAP_LINE
from hil.figures import Notebook
from hil.host import Host
from host_bridge import node_world
from host_bridge.microworld import bytecode, catalogue, spec, wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Sandbox, Shape
from host_bridge.model import NodeTick, NodeView
from host_bridge.node_ticks import Compared, Step, compare

UNIX_MS = 1_790_000_000_000  # time of day when a node is first told it
MIN_ON_S, MIN_OFF_S = 4, 3
LAMP = {"dwell": "2 s", "off_below": "49900 mHz", "dim_below": "49960 mHz"}
GUARD = {"min_on": f"{MIN_ON_S} s", "min_off": f"{MIN_OFF_S} s", "per_hour": 60}
# mHz for so many s: dimmed, full, off in need, on, off, dimmed, and what its power causes is too much CO2 to be full.
COURSE = ((49_950, 3), (50_010, 4), (49_880, 3), (50_000, 5), (49_700, 2), (49_955, 3), (50_010, 4))
CLEAN_S = 20  # of the lamp's time; from then on power is dirty


def lamp(make: Maker, notes: Notebook) -> None:
    """The lamp follows the grid by itself: nobody asks for anything."""
    program = _program("lamp", LAMP)
    with running(make, edits=NO_DWELL, unit={"report_heap_s": 5}) as (bench, host):
        store(host, program, bytecode.compile(program), _of_lamp, guard=False)
        for frequency_mhz, seconds in COURSE:
            if has(bench, "converter"):
                bench.set_load(Load(frequency_mhz=frequency_mhz, active_mw=500_000 + 10 * frequency_mhz))
            host.run(seconds * 1000)
        agrees(host, program, wasm_step(program), notes, 20)
        switched = [edge.closed for edge in moments(bench, host, 0)]
        wanted = [True, False, True, False, True] if has(bench, "converter") else [True]
        assert switched == wanted, f"the lamp's contactor went {switched}"
        _note_heap(bench, notes)


def guard(make: Maker, notes: Notebook) -> None:
    """The guard bounds what the host asks, and agrees with the wasm in each tick of it."""
    program = _program("relay_guard", GUARD)
    with running(make, edits=NO_DWELL) as (bench, host):
        store(host, program, bytecode.compile(program), _of_guard, guard=True)
        _ask_much(host)
        agrees(host, program, wasm_step(program), notes, 18)
        switched = [edge.closed for edge in moments(bench, host, 0)]
        assert switched == [True, False, True, False], f"the guarded contactor went {switched}"


def changed_byte(make: Maker, notes: Notebook) -> None:
    """A node whose bytecode has one byte of the rule changed is found by the comparison."""
    program = _program("relay_guard", GUARD)
    with running(make, edits=NO_DWELL) as (_, host):
        code = bytecode.compile(program)
        store(host, program, code, _of_guard, guard=True)
        _ask_much(host)
        ticks = _ticks(host)
        changed = _mutant(program, code, ticks)
        store(host, program, changed, _of_guard, guard=True)
        since = len(host.heard)
        _ask_much(host, whatever=True)
        found = compare(program, wasm_step(program), _ticks(host, since))
        assert found.difference, "a changed byte of the rule was not found"
        notes.add("world_mutants", 1, found.difference)


def _program(name: str, parameters: dict[str, str | int]) -> Program:
    return spec.read(catalogue.spec_path(name).read_text(encoding="utf-8")).program(parameters=parameters)


def wasm_step(program: Program) -> Step:
    """A tick of the program as wasm."""
    return Sandbox().load(wasm.compile(program)).instance(Shape.of(program)).step


Binding = Callable[[NodeView, int], dict[str, dict[str, object]]]


def _of_lamp(view: NodeView, now_s: int) -> dict[str, dict[str, object]]:
    carbon = {"series": [[0, 0], [now_s + CLEAN_S, 200]]}
    frequency = f"{view.channels[0]}.frequency_mhz"
    return {
        "inputs": {"wanted": 1, "frequency": frequency, "carbon": carbon},
        "outputs": {"brightness": view.contactors[0]},
    }


def _of_guard(view: NodeView, now_s: int) -> dict[str, dict[str, object]]:
    relay = view.contactors[0]
    inputs: dict[str, object] = {"asked": f"{relay}.asked", "fault": f"{relay}.tripped", "reported": f"{relay}.closed"}
    return {"inputs": inputs, "outputs": {"close": relay, "stuck": None}}


def store(host: Host, program: Program, code: bytes, bind: Binding, *, guard: bool) -> None:
    hello = host.told("hello")[-1].fields
    view = NodeView("hil", "", channels=tuple(hello["channels"]), contactors=tuple(hello["contactors"]))
    valid, now_s = None, 0
    if not guard:  # a world that acts by itself needs the time of day
        host.unix_ms = UNIX_MS - host.bench.now_ns // MS
        host.run(3000)
        now_s = UNIX_MS // 1000 + 3
        begin_s = now_s + CLEAN_S - 60  # a series counts minutes from the beginning
        valid = (begin_s, begin_s + 86_400)
    binding = bind(view, now_s)
    applied(host.store_document("plan", node_world.document(program, code, binding, view, guard=guard, valid=valid)))
    host.run(2000)


def _ask_much(host: Host, *, whatever: bool = False) -> None:
    """Asked to close, it closes; to open, not before its time; to close again, not before its time. `whatever`: the
    node need not be a good one."""
    wanted = [
        (1000, "closed", True, ""),
        (2500, "open", False, "min on time"),
        (3500, "open", True, ""),
        (1000, "closed", False, "interlock"),
        (4000, "closed", True, ""),
        (6500, "open", True, ""),
    ]
    for wait_ms, target, is_applied, reason in wanted:
        host.run(wait_ms)
        answer = host.command(0, target, 60)
        if not whatever:
            told = f"{target}: {answer.reason}"
            assert answer.applied == is_applied and (is_applied or answer.reason == reason), told
    host.run(1500)


def _ticks(host: Host, since: int = 0) -> list[NodeTick]:
    found = []
    for heard in host.told("tick", since):
        fields = heard.fields
        fault = str(fields["fault"] or "")
        found.append(NodeTick(fields["plan_version"], fields["tick"], fields["node_time_ms"], fault, fields["record"]))
    return found


def agrees(
    host: Host,
    program: Program,
    step: Step,
    notes: Notebook,
    least: int,
    name: str = "world_ticks",
    *,
    of_outputs: bool = True,
) -> None:
    """Every tick that the node has told, at least `least`, was as `step` has it; counted as the figure `name`.
    Something has to change from tick to tick: outputs, or else anything."""
    ticks = _ticks(host)
    found: Compared = compare(program, step, ticks)
    assert not found.difference, found.difference
    missed = ticks[-1].number - len(ticks)
    assert found.ticks >= least and found.followed >= least - 1 and missed <= 1, f"{found}, {missed} ticks missed"
    begin = len(program.state) + len(program.inputs) if of_outputs else 0
    changed = {tick.words()[begin:] for tick in ticks if not tick.fault}
    assert len(changed) > 1, "nothing happened in the world"
    notes.add(name, found.ticks, "as bytecode on the node, as wasm here: state, inputs and outputs bit for bit")


def _mutant(program: Program, code: bytes, ticks: Sequence[NodeTick]) -> bytes:
    """`code` with one byte of an instruction changed, such that these ticks would have come out otherwise."""
    for place in range(len(code) - 1, 0, -1):
        for other in (code[place] + 1, code[place] ^ 1):
            changed = code[:place] + bytes([other & 255]) + code[place + 1 :]
            try:
                step = bytecode.Stepper(changed).step
            except ValueError:
                continue
            found = compare(program, step, ticks)
            if found.difference and found.ticks > 2:
                return changed
    raise AssertionError("no byte matters")


def _note_heap(bench: Bench, notes: Notebook) -> None:
    if has(bench, "heap"):
        free = [int(found[0]) / 1000 for found in HEAP_LINE.findall(bench.console())]
        if free:
            notes.note("world_heap_free_kb", free[-1], "with the lamp's world, after a collection")
