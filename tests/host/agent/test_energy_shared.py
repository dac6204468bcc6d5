"""What leaves a home for others: only what its people have said, and never what they have withheld."""

import pytest

from host_bridge.agent.energy.shared import shared
from host_bridge.agent.energy.view import AheadView, HomeView, PreferenceView, StandingView

SERIES = {name: [1.5] for name in AheadView.__dataclass_fields__ if name.endswith(("_w", "_wh", "_mct"))}


def home(name, *shares, also=()):
    documents = [{"kind": "share", "what": what, "with": whom} for what, whom in shares] + list(also)
    wishes = [PreferenceView(n, name, "", document, 0) for n, document in enumerate(documents, 1)]
    ahead = AheadView(900, 900, **SERIES, why=[""])
    return HomeView(
        *(
            name,
            name,
            "online",
            StandingView("full", 0, 0, []),
            400.0,
            100.0,
            -50.0,
            250.0,
            {},
            0,
            None,
            None,
            "",
            "",
            0,
            0,
        ),
        ahead=ahead,
        preferences=wishes,
    )


def test_nothing_is_shared_by_default():
    assert shared([home("a"), home("b", also=[{"kind": "never", "device": "fridge"}])], "neighbours") == []


def test_what_is_allowed_is_shared_with_those_and_no_others():
    homes = [home("a", ("readings", "neighbours")), home("b", ("forecast", "operator"))]
    (one,) = shared(homes, "neighbours")
    assert one == {"home": "a", "readings": {"load_w": 400.0, "solar_w": 100.0, "battery_w": -50.0, "grid_w": 250.0}}
    (other,) = shared(homes, "operator")
    assert set(other) == {"home", "forecast"} and other["forecast"]["load_w"] == [1.5]


def test_what_is_withheld_stays_even_where_it_was_allowed():
    assert shared([home("a", ("readings", "neighbours"), ("nothing", "nobody"))], "neighbours") == []


def test_preferences_are_shared_as_documents_and_a_newer_kind_allows_nothing():
    wishes = [{"kind": "budget", "amount_cents": 300, "per": "day"}, {"kind": "of the future", "what": "readings"}]
    (one,) = shared([home("a", ("preferences", "operator"), also=wishes)], "operator")
    assert set(one) == {"home", "preferences"} and wishes[0] in one["preferences"]


def test_nobody_else_is_asked_for():
    with pytest.raises(ValueError, match="neighbours or operator"):
        shared([], "everybody")
