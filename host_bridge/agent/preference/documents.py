"""A preference's document, JSON or TOML, read back: every mistake in it told with what to write instead."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from host_bridge.agent.preference.devices import Devices, listed
from host_bridge.agent.preference.kinds import (
    Budget,
    Comfort,
    Deadline,
    Never,
    Preference,
    PreferenceError,
    Priority,
    Quiet,
    Share,
    Weight,
)

_KINDS: dict[str, Callable[..., Preference]] = {
    kind.KIND: kind for kind in (Deadline, Comfort, Priority, Budget, Weight, Quiet, Share, Never)
}
KINDS = tuple(_KINDS)
_RENAMED = {"with": "with_whom"}  # a keyword of Python


def read(document: object, devices: Devices | None = None) -> Preference:
    """The preference of {"kind": ..., its fields}; `devices`: what the home has, where that is to be checked.

    Raises PreferenceError, whose words say what to write.
    """
    if not isinstance(document, dict):
        raise PreferenceError('a preference is a table such as {"kind": "never", "device": "freezer"}')
    said: dict[str, Any] = {str(key): value for key, value in document.items()}
    kind = said.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise PreferenceError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    preference = _made(kind, said)
    _at_home(preference, devices)
    return preference


def _made(kind: str, said: dict[str, Any]) -> Preference:
    back = {name: key for key, name in _RENAMED.items()}
    known = [back.get(field.name, field.name) for field in fields(_KINDS[kind])]  # type: ignore[arg-type]
    strange = sorted(said.keys() - set(known))
    if strange:
        raise PreferenceError(f"{kind} has no {strange[0]!r}; it has {', '.join(known)}")
    try:
        return _KINDS[kind](**{_RENAMED.get(key, key): value for key, value in said.items()})
    except TypeError:
        missing = ", ".join(key for key in known if key not in said)
        raise PreferenceError(f"{kind} needs more than that: of {missing}, give what has no default") from None


def _at_home(preference: Preference, devices: Devices | None) -> None:
    device = getattr(preference, "device", "")
    if devices is None or not device:
        return
    home = listed(devices)
    if device not in home:
        raise PreferenceError(f"no device called {device}; this home has {', '.join(home) or 'none'}")
