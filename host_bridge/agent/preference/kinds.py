"""The kinds of preference: one frozen dataclass each, its bounds, its words for people and its document."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Literal, cast, get_args

from host_bridge.agent.preference.devices import DEVICES, NAME, Device, named

Document = dict[str, Any]
Level = Literal["low", "normal", "high"]
Per = Literal["day", "week", "month"]
Of = Literal["cost", "carbon"]
What = Literal["readings", "forecast", "preferences", "nothing"]
WithWhom = Literal["nobody", "neighbours", "operator"]
LEVELS, PERS, OFS, WHATS, WITHS = (cast(tuple[str, ...], get_args(kind)) for kind in (Level, Per, Of, What, WithWhom))
MOST_CENTS = 1_000_000  # 10 000.00 a day, week or month
LEAST_BAND_C = 1  # between two bounds: a narrower band wears the contactor
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class PreferenceError(ValueError):
    """No preference; the words say what to write."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """`device` has done its work, or is `percent` full, by this local time of every day."""

    KIND: ClassVar = "deadline"
    device: str
    by: str
    percent: int = 100

    def __post_init__(self) -> None:
        device = _device(self.device)
        _clock(self.by, "by")
        _whole(self.percent, "percent", 1, 100)
        if self.percent != 100 and not device.fills and self.device in DEVICES:
            raise PreferenceError(f"the {device.said} cannot be {self.percent} % done: leave percent away")

    def key(self) -> tuple[str, ...]:
        """A later preference with the same key replaces this one."""
        return self.KIND, self.device, self.by

    def words(self) -> str:
        """What the agent will do."""
        device = named(self.device)
        if device.fills:
            return f"Every day by {self.by} the {device.said} {device.verb} charged to {self.percent} %."
        done = {"water_heater": "hot", "heat_pump": "warmed up"}.get(self.device, "done")
        return f"Every day by {self.by} the {device.said} {device.verb} {done}."

    def document(self) -> Document:
        return {"kind": self.KIND, "device": self.device, "by": self.by, "percent": self.percent}


@dataclass(frozen=True, slots=True)
class Comfort:
    """The temperature of `device` (of the rooms, for a heat pump) is held within its bounds, °C; one may be absent."""

    KIND: ClassVar = "comfort"
    device: str
    low_c: float | None = None
    high_c: float | None = None

    def __post_init__(self) -> None:
        device = _device(self.device)
        if device.range_c is None:
            raise PreferenceError(f"the {device.said} has no temperature to hold")
        if self.low_c is None and self.high_c is None:
            raise PreferenceError("give low_c, high_c or both, in degrees Celsius")
        for name, value in (("low_c", self.low_c), ("high_c", self.high_c)):
            if value is not None:
                _degrees(value, name, device.said, device.range_c)
        if self.low_c is not None and self.high_c is not None and self.high_c - self.low_c < LEAST_BAND_C:
            raise PreferenceError(f"high_c must be at least {LEAST_BAND_C} degree above low_c")

    def key(self) -> tuple[str, ...]:
        return self.KIND, self.device

    def words(self) -> str:
        place = "rooms are" if self.device == "heat_pump" else f"{named(self.device).said} is"
        upper = "" if self.high_c is None else f"no warmer than {self.high_c:g} °C"
        lower = "" if self.low_c is None else f"no colder than {self.low_c:g} °C"
        return f"The {place} kept {' and '.join(bound for bound in (lower, upper) if bound)}."

    def document(self) -> Document:
        bounds = {"low_c": self.low_c, "high_c": self.high_c}
        return {"kind": self.KIND, "device": self.device} | {
            name: int(value) if value == int(value) else value for name, value in bounds.items() if value is not None
        }


@dataclass(frozen=True, slots=True)
class Priority:
    """What `device` gets when there is not enough for all: high before normal before low."""

    KIND: ClassVar = "priority"
    device: str
    level: str = "normal"

    def __post_init__(self) -> None:
        _device(self.device)
        _one_of(self.level, "level", LEVELS)

    def key(self) -> tuple[str, ...]:
        return self.KIND, self.device

    def words(self) -> str:
        turn = {"low": "after the others", "normal": "in turn with the others", "high": "before the others"}
        device = named(self.device)
        return f"When there is not enough for all, the {device.said} {device.verb} served {turn[self.level]}."

    def document(self) -> Document:
        return {"kind": self.KIND, "device": self.device, "level": self.level}


@dataclass(frozen=True, slots=True)
class Budget:
    """Energy is to cost no more than this, in cents of the account's unit, in each day, week or month."""

    KIND: ClassVar = "budget"
    amount_cents: int
    per: str

    def __post_init__(self) -> None:
        _whole(self.amount_cents, "amount_cents", 1, MOST_CENTS)
        _one_of(self.per, "per", PERS)

    def key(self) -> tuple[str, ...]:
        return self.KIND, self.per

    def words(self) -> str:
        amount = f"{self.amount_cents // 100}.{self.amount_cents % 100:02}"
        return f"Energy is to cost no more than {amount} a {self.per}; what can wait waits when that is spent."

    def document(self) -> Document:
        return {"kind": self.KIND, "amount_cents": self.amount_cents, "per": self.per}


@dataclass(frozen=True, slots=True)
class Weight:
    """What counts most when there is a choice: the cost, or the carbon dioxide."""

    KIND: ClassVar = "weight"
    of: str

    def __post_init__(self) -> None:
        _one_of(self.of, "of", OFS)

    def key(self) -> tuple[str, ...]:
        return (self.KIND,)

    def words(self) -> str:
        if self.of == "cost":
            return "When there is a choice, the cheaper hour is taken, even if it is not the cleaner one."
        return "When there is a choice, the hour with less carbon dioxide is taken, even if it costs more."

    def document(self) -> Document:
        return {"kind": self.KIND, "of": self.of}


@dataclass(frozen=True, slots=True)
class Quiet:
    """`device` ("": all of them) is not run from `start` to `end`, local time of every day; across midnight is fine."""

    KIND: ClassVar = "quiet"
    start: str
    end: str
    device: str = ""

    def __post_init__(self) -> None:
        _clock(self.start, "start")
        _clock(self.end, "end")
        if self.device:
            _device(self.device)
        if self.start == self.end:
            raise PreferenceError("start and end of quiet hours must differ; to leave a device alone write kind never")

    def key(self) -> tuple[str, ...]:
        return self.KIND, self.device, self.start, self.end

    def words(self) -> str:
        device = named(self.device) if self.device else None
        who = f"the {device.said} {device.verb} not run" if device else "no device is run by the agent"
        return f"Every day from {self.start} to {self.end} {who}."

    def document(self) -> Document:
        return {"kind": self.KIND, "start": self.start, "end": self.end, "device": self.device}


@dataclass(frozen=True, slots=True)
class Share:
    """Who may be told what of this home. Nobody is told anything unless a Share says so; see may_share."""

    KIND: ClassVar = "share"
    what: str
    with_whom: str

    def __post_init__(self) -> None:
        _one_of(self.what, "what", WHATS)
        _one_of(self.with_whom, "with", WITHS)

    def key(self) -> tuple[str, ...]:
        return self.KIND, self.what, self.with_whom

    @property
    def allows(self) -> bool:
        return self.what != "nothing" and self.with_whom != "nobody"

    def words(self) -> str:
        what = {"readings": "meter readings", "nothing": "nothing of this home"}.get(self.what, self.what)
        who = {"nobody": "nobody", "neighbours": "the neighbours", "operator": "the operator"}[self.with_whom]
        if self.allows:
            return f"This home's {what} may be seen by {who}."
        if self.what == "nothing":
            return "Nothing of this home is shared with " + ("anybody." if self.with_whom == "nobody" else f"{who}.")
        return f"This home's {what} are shared with nobody."

    def document(self) -> Document:
        return {"kind": self.KIND, "what": self.what, "with": self.with_whom}


@dataclass(frozen=True, slots=True)
class Never:
    """The agent never switches `device`."""

    KIND: ClassVar = "never"
    device: str

    def __post_init__(self) -> None:
        _device(self.device)

    def key(self) -> tuple[str, ...]:
        return self.KIND, self.device

    def words(self) -> str:
        device = named(self.device)
        return f"The {device.said} {device.verb} never switched by the agent, neither on nor off."

    def document(self) -> Document:
        return {"kind": self.KIND, "device": self.device}


Preference = Deadline | Comfort | Priority | Budget | Weight | Quiet | Share | Never


def _device(name: object) -> Device:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PreferenceError(f"device must be a name like water_heater, not {name!r}")
    return named(name)


def _clock(text: object, name: str) -> None:
    if not isinstance(text, str) or not _CLOCK.fullmatch(text):
        raise PreferenceError(f'{name} must be a time of day like "07:00", from "00:00" to "23:59", not {text!r}')


def _whole(value: object, name: str, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PreferenceError(f"{name} must be a whole number from {least} to {most}, not {value!r}")


def _degrees(value: object, name: str, said: str, range_c: tuple[int, int]) -> None:
    least, most = range_c
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise PreferenceError(f"{name} must be degrees Celsius, not {value!r}")
    if not least <= value <= most:
        raise PreferenceError(f"{value:g} degrees is beyond {least} to {most}, what the {said} can be asked for")


def _one_of(value: object, name: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise PreferenceError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
