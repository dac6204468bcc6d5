"""What `gridnexus world new` writes: a small specification that works, with a word on everything in it."""

TEXT = """\
# A microworld: what to do at every tick, and what must always hold. Change it, then: gridnexus world check FILE
# Everything is a whole number of a unit. Expressions stand in quotes and may carry units: "2 kW", "90 s", "45 degC".

[world]
name = "NAME"
kind = "controller" # or "twin", a model of something that others are tried on
tick = "1 s"
says = "Heats the tank with solar power that would be exported, and never beyond its limit."

# Numbers that may be chosen anew for each home, within their range.
[parameter]
limit = { value = "60 degC", range = ["30 degC", "80 degC"], says = "no heating from here on" }
min_on = { value = "5 min", unit = "s", range = ["1 s", "1 h"], says = "once on it stays on so long" }
heater = { value = "2 kW", unit = "W", range = ["100 W", "10 kW"], says = "what the heater takes" }

# What is measured. error: how far it may be from the truth. private = true: must not show in what is shared.
[input]
grid = { unit = "W", range = [-50000, 50000], says = "power from the grid; below 0 it is exported" }
tank = { unit = "degC", range = [-20, 120], error = 2, says = "temperature of the water" }

# What is remembered from tick to tick, and its first value.
[state]
heating = { unit = "on/off", start = "off" }
since = { unit = "s", range = [0, 3600], start = 3600, says = "time since the heater was switched, at most 1 h" }

# What is done. safe: holds before the first tick and after a fault. delay: the actuator follows within this time.
[output]
heat = { unit = "on/off", safe = "off", delay = "1 s" }

# Names for what is used more than once.
[let]
hot = "tank >= limit"
surplus = "-grid + if(heating, heater, 0 W)" # what would be exported without the heater
rested = "since >= min_on"

# A rule for each output and, as next(...), for each state: the first case that holds, else the last line.
[[rule]]
sets = "heat"
first = [
    { when = "hot", then = "off" },
    { when = "heating and not rested", then = "on" },
]
else = "surplus >= heater"

[[rule]]
sets = "next(heating)"
is = "heat"

[[rule]]
sets = "next(since)"
first = [{ when = "heat != heating", then = "tick" }]
else = "min(since + tick, 1 h)"

# What must hold at every tick. It is proved for all inputs in their ranges, or refuted by an example.
# next(x): after the tick; before(x): the tick before; true(x): as it really is; acted(x): as the actuator does it.
[[always]]
name = "never heats hot water"
holds = "true(tank) >= limit + 2 degC implies not heat"

# From the tick where `when` holds, `holds` for so long.
[[stays]]
name = "minimum on time"
when = "heat and not before(heat)"
holds = "before(heat) implies heat or hot"
for = "min_on"

# Helps the proof of another claim, and is proved like any: what the proof of "minimum on time" needs to know.
[[lemma]]
name = "what was done is remembered"
holds = "heating == before(heat)"

[[lemma]]
name = "the time on is known"
holds = "left('minimum on time') > 1 and heating implies since + left('minimum on time') * tick <= min_on + tick"
"""


def template(name: str) -> str:
    """A specification called `name`, ready to be changed. Raises ValueError where that is no name."""
    if not name.isascii() or not name.isidentifier() or len(name) > 40:
        raise ValueError(f"{name!r} is no name for a microworld: write letters, digits and _, as heat_guard")
    return TEXT.replace("NAME", name, 1)
