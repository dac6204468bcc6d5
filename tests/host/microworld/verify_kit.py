"""For tests of the verifier: small worlds from their text, modules by hand, and what became of a claim."""

from host_bridge.microworld import spec, wasm
from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Name, Op, Program, Quantity
from host_bridge.microworld.verify import Case, Verdict, verify
from host_bridge.microworld.verify.decode import decode
from host_bridge.microworld.verify.shape import Meaning, meaning
from host_bridge.microworld.verify.terms import Terms
from tests.host.microworld.wat_kit import module

# A valve that stays open for a while: `open` follows `asked`, at least `most` ticks long.
VALVE = """
[world]
name = "valve"
kind = "controller"
tick = "1 s"
says = "Keeps a valve open for a while."

[input]
asked = { unit = "on/off", says = "what is wanted" }
load = { unit = "W", range = [0, 5000], error = 50, private = true, says = "what flows" }

[state]
was = { unit = "on/off", start = "off", says = "open the tick before" }
since = { unit = "s", range = ["0 s", "1 h"], start = "1 h", says = "since it moved" }

[output]
open = { unit = "on/off", safe = "off", delay = "1 s", says = "the valve" }

[[rule]]
sets = "open"
first = [{ when = "since < 20 s", then = "was" }]
else = "asked"

[[rule]]
sets = "next(was)"
is = "open"

[[rule]]
sets = "next(since)"
first = [{ when = "open != was", then = "tick" }]
else = "min(since + tick, 1 h)"
"""


def valve(claims: str = "", **replaced: str) -> Program:
    """The valve with `claims`; each of `replaced` (OLD=NEW by number: old0=, new0=) is done to its text first."""
    text = VALVE
    for name, old in replaced.items():
        if name.startswith("old"):
            assert old in text
            text = text.replace(old, replaced["new" + name[3:]])
    return spec.read(text + claims, "valve.toml").program()


def always(name: str, holds: str, kind: str = "always") -> str:
    return f'\n[[{kind}]]\nname = "{name}"\nholds = "{holds}"\n'


def stays(name: str, when: str, holds: str, lasts: str) -> str:
    return f'\n[[stays]]\nname = "{name}"\nwhen = "{when}"\nholds = "{holds}"\nfor = "{lasts}"\n'


def within(name: str, when: str, holds: str, lasts: str) -> str:
    return f'\n[[within]]\nname = "{name}"\nwhen = "{when}"\nholds = "{holds}"\ntime = "{lasts}"\n'


def checked(program: Program, **options) -> Case:
    """The case of the program's own module."""
    return verify(wasm.compile(program), program, **options)


def verdict(case: Case, claim: str) -> Verdict:
    (found,) = [each for each in case.verdicts if each.claim == claim]
    return found


def outcomes(case: Case) -> dict[str, str]:
    """What is not proved."""
    return {each.claim: each.outcome for each in case.verdicts if each.outcome != "proved"}


def op(name, *args):
    return Op(
        name, tuple(Name(arg) if isinstance(arg, str) else Const(arg) if isinstance(arg, int) else arg for arg in args)
    )


def wide(name: str, least: int = INT_MIN, greatest: int = INT_MAX, **more) -> Quantity:
    return Quantity(name, "W", least, greatest, **more)


def world(inputs=(), outputs=(), state=(), output=(), next_state=(), claims=(), lets=(), assumptions=()) -> Program:
    return Program("world", "controller", 1, state, inputs, outputs, lets, output, next_state, claims, assumptions)


# A world of one state, one input, one output, for modules by hand: the output is the sum, the state keeps it.
SUM = world((wide("i", 0, 10),), (wide("o", 0, 1000),), (wide("s", 0, 990),), (op("add", "s", "i"),),
            (op("min", op("add", "s", "i"), 990),))  # fmt: skip
RIGHT = """(local i32) (local.set 0 (i32.add (i32.load (i32.const 16)) (i32.load (i32.const 20))))
 (i32.store (i32.const 24) (local.get 0))
 (i32.store (i32.const 16) (select (local.get 0) (i32.const 990) (i32.lt_s (local.get 0) (i32.const 990))))"""


def by_hand(body: str, program: Program = SUM, more: str = "", **options) -> Case:
    """The case of a module whose `step` is `body`."""
    return verify(module(body, more), program, handwritten=True, **options)


def meant(wasm_bytes: bytes, program: Program, handwritten: bool = False) -> Meaning:
    return meaning(decode(wasm_bytes), program, Terms(), handwritten)
