"""The devices that preferences speak of: the words people use for them, and what can be asked of each."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
Devices = Iterable[str] | Mapping[str, "Iterable[str] | Device"]  # names, or names with the words of this home


@dataclass(frozen=True, slots=True)
class Device:
    """`range_c`: temperatures that can be asked of it, None where it has none. `fills`: it can be part full.

    `evening`: a bare hour of its deadline, "by six", is one of the afternoon or evening.
    """

    name: str
    words: tuple[str, ...] = ()
    range_c: tuple[int, int] | None = (5, 90)
    fills: bool = False
    evening: bool = False

    @property
    def said(self) -> str:
        """Its name as people read it."""
        return self.name.replace("_", " ")

    @property
    def verb(self) -> str:
        return "are" if self.said.endswith("s") else "is"


_TABLE = (
    Device(
        "car",
        ("ev", "electric car", "e car", "vehicle", "electric vehicle", "tesla", "my leaf", "zoe", "wallbox", "wall box")
        + ("car battery", "battery of the car", "battery of my car", "ev battery", "car s battery", "ev charger")
        + ("charger", "car charger", "charging point"),
        range_c=None,
        fills=True,
    ),
    Device(
        "water_heater",
        (
            "boiler",
            "hot water",
            "warm water",
            "water heating",
            "water tank",
            "tank",
            "hot water tank",
            "geyser",
            "cylinder",
        )
        + (
            "immersion heater",
            "immersion",
            "hot water cylinder",
            "tap water",
            "shower water",
            "dhw",
            "water",
            "shower",
        ),
    ),
    Device(
        "heat_pump",
        ("heating", "central heating", "radiators", "radiator", "thermostat", "floor heating", "underfloor heating")
        + ("room heating", "heatpump"),
        range_c=(5, 65),
    ),
    Device(
        "washing_machine",
        ("washer", "laundry", "washing", "laundry machine", "clothes washer", "wash", "clothes", "wash load"),
        range_c=None,
        evening=True,
    ),
    Device(
        "dishwasher",
        ("dish washer", "dishes", "dishwashing", "washing up", "plates"),
        range_c=None,
        evening=True,
    ),
    Device("dryer", ("drier", "tumble dryer", "tumble drier", "clothes dryer", "tumbler"), None, evening=True),
    Device("freezer", ("deep freeze", "deep freezer", "chest freezer"), (-30, 0)),
    Device("fridge", ("refrigerator", "icebox", "fridges"), (0, 12)),
    Device("pool_pump", ("pool", "swimming pool", "pool filter", "pool s pump"), (5, 40), evening=True),
    Device(
        "battery",
        ("home battery", "house battery", "powerwall", "power wall", "home storage", "storage battery", "accumulator")
        + ("wall battery", "solar battery"),
        range_c=None,
        fills=True,
        evening=True,
    ),
    Device("lights", ("light", "lamps", "lamp", "lighting", "porch light", "garden lights"), None, evening=True),
    Device(
        "aquarium", ("fish tank", "fishtank", "fish", "aquarium heater", "aquarium pump", "fish tank heater"), (15, 35)
    ),
)
DEVICES = {device.name: device for device in _TABLE}
ROOMS = (
    "room",
    "rooms",
    "living room",
    "bedroom",
    "bedrooms",
    "house",
    "home",
    "flat",
    "apartment",
    "indoors",
    "inside",
) + (
    "kids room",
    "nursery",
    "bathroom",
    "kitchen",
    "place",
    "study",
    "office",
    "room temperature",
    "hall",
)  # of the heat pump, where a temperature is meant


def named(name: str, words: Iterable[str] = ()) -> Device:
    """The device of that name, with the home's own words for it besides."""
    known = DEVICES.get(name, Device(name))
    more = tuple(words)
    return Device(name, known.words + more, known.range_c, known.fills, known.evening) if more else known


def listed(devices: Devices) -> dict[str, Device]:
    """The home's devices by name."""
    if isinstance(devices, Mapping):
        return {name: words if isinstance(words, Device) else named(name, words) for name, words in devices.items()}
    return {name: named(name) for name in devices}
