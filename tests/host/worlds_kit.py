"""A small world for tests of what people use: its text, its mutants, and how it is built and bound."""

from host_bridge.microworld import bundle, making
from host_bridge.microworld.signing import Signer

SPEC = """
[world]
name = "spare"
kind = "controller"
tick = "1 s"
says = "Heats with what would be exported."

[parameter]
heater = { value = "2 kW", unit = "W", range = ["100 W", "5 kW"], says = "what the heater takes" }

[input]
power = { unit = "W", range = [-30000, 30000], says = "from the grid" }

[state]
on_for = { unit = "s", range = [0, 3600], start = 0, says = "how long it has been on, at most 1 h" }

[output]
heat = { unit = "on/off", safe = "off" }

[agent.sun]
decides = ["wish"]
[agent.sun.strategy.all]
wish = "-power >= heater"
[agent.sun.strategy.half]
wish = "-2 * power >= heater"
[profile]
sun = "all"

[[rule]]
sets = "heat"
is = "wish"

[[rule]]
sets = "next(on_for)"
first = [{ when = "heat", then = "min(on_for + tick, 1 h)" }]
else = "0 s"

[[always]]
name = "only with the sun"
holds = "heat implies power < 0 W"
"""
REFUTED = SPEC.replace('sets = "heat"\nis = "wish"', 'sets = "heat"\nis = "wish or on_for > 5 s or power > 29 kW"')
BROKEN = SPEC.replace('is = "wish"', 'is = "wished"')
ASSUMING = SPEC + '\n[[assume]]\nholds = "power <= 500 W"\n'  # which a home may break at any time
BINDING = {"inputs": {"power": "home-1.grid.active_power_mw"}, "outputs": {"heat": None}}


def world(folder, text=SPEC, profile=None, signer=None):
    """The signed file, whose key is in `folder`."""
    made = making.compiled(text, profile or {}, {})
    case = making.verified(made)
    assert case.accepted, case.verdicts
    parts = (made.program.profile, made.program.parameters, made.wasm, made.bytecode, case.json())
    return bundle.build(text, *parts, signer or Signer.of(folder))
