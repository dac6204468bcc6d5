"""The map of the radio links, as places and as a drawing."""

import itertools
import re

import pytest

from host_bridge.model import Air, AirBand, LinkState, NodeView, Way
from host_bridge.web.link_map import Spot, airtime_words, drawing, layout, strength

GATEWAY = "air://127.0.0.1:5000"
NOW_MS = 1_790_000_000_000


def view(name, hops, next_hop="", margin_db=12, gateway=GATEWAY, state=LinkState.ONLINE, one_way=False):
    found = NodeView(name, f"radio {name}", state, last_heard_ms=NOW_MS - 190_000)
    found.way = Way(gateway, True, hops, next_hop, -100, margin_db, 200.0, one_way)
    return found


def air(url, fault="", is_jammed=False):
    return Air(url, "EU868", url.startswith("air:"), fault, is_jammed, [], {})


def places(*views, gateways=(GATEWAY,)):
    spots = layout({each.name: each for each in views}, [air(url) for url in gateways], NOW_MS)
    return {spot.name: spot for spot in spots}


def test_nodes_stand_as_many_columns_from_the_gateway_as_they_have_hops():
    spots = places(view("a", 1), view("b", 2, "a"), view("c", 3, "a"))
    assert [spots[name].column for name in (GATEWAY, "a", "b", "c")] == [0, 1, 2, 3]
    assert [spots[name].parent for name in "abc"] == [GATEWAY, "a", "b"]
    assert [spots[name].is_guessed for name in "abc"] == [False, False, True]  # who is before c nobody has said


def test_each_node_has_a_place_of_its_own():
    spots = places(view("a", 1), view("b", 1), view("c", 2, "b"), view("d", 2, "b"))
    assert len({(spot.column, spot.row) for spot in spots.values()}) == 5
    assert spots["b"].row == (spots["c"].row + spots["d"].row) / 2


def test_a_relay_that_is_not_known_leaves_a_guess():
    spots = places(view("c", 2, "?1d"))
    assert spots["c"].parent == GATEWAY and spots["c"].is_guessed and spots["c"].column == 2


def test_nodes_that_name_each_other_are_drawn_all_the_same():
    spots = places(view("a", 2, "b"), view("b", 2, "a"))
    assert {spots[name].parent for name in "ab"} == {GATEWAY}


def test_nodes_on_cables_and_of_radios_that_are_gone_are_left_out():
    cable = NodeView("s", "/dev/ttyACM0")
    assert list(places(cable, view("a", 1, gateway="spi:0.0"))) == [GATEWAY]


def test_each_gateway_has_its_own_tree():
    spots = places(view("a", 1), view("b", 1, gateway="spi:0.0"), gateways=(GATEWAY, "spi:0.0"))
    assert spots["a"].parent == GATEWAY and spots["b"].parent == "spi:0.0"
    assert spots[GATEWAY].words == "simulated LoRa" and spots["spi:0.0"].words == "LoRa on SPI, 2"
    assert spots["a"].row != spots["b"].row


def test_the_margin_is_told_by_word_and_by_colour():
    assert [strength(db) for db in (3, 4, 9, 10)] == ["weak", "fair", "fair", "good"]
    svg = drawing(list(places(view("a", 1, margin_db=-2)).values()))
    assert 'class="hop weak"' in svg and "-2 dB margin" in svg
    assert places(view("a", 2, "b", margin_db=-2))["a"].look == "relayed"  # the margin told is of another hop


def test_a_node_that_is_silent_is_faded():
    silent = places(view("a", 1, state=LinkState.STALE))["a"]
    assert silent.is_faded and silent.words == "silent, heard 3\u00a0min ago"
    svg = drawing(list(places(view("a", 1, state=LinkState.STALE)).values()))
    assert 'class="hop good faded"' in svg and 'class="spot good faded"' in svg
    assert not places(view("a", 1))["a"].is_faded
    assert places(view("a", 1, state=LinkState.INCOMPATIBLE))["a"].words == "incompatible"


def test_a_node_that_hears_nothing_is_marked():
    spot = places(view("a", 1, one_way=True))["a"]
    assert spot.words.startswith("\u2191 one way") and "nothing can be asked of it" in spot.more
    assert "one way" not in places(view("a", 1))["a"].words + places(view("a", 1))["a"].more


def test_a_gateway_that_does_not_work_or_is_jammed_says_so_on_the_map():
    spots = layout({}, [air(GATEWAY, "does not answer"), air("spi:0.0", is_jammed=True), air("spi:0.1")], NOW_MS)
    assert [(spot.words, "weak" in spot.look) for spot in spots] == [
        ("does not work", True), ("jammed: it waits", True), ("LoRa on SPI, 3", False)
    ]  # fmt: skip


def test_the_pointer_is_told_more_and_who_cannot_see_the_map_is_told_it_in_words():
    far = view("b", 2, "a")
    far.loss_ppm, far.round_trip_ms = 31_000, 8_123.0
    spots = places(view("a", 1), far)
    for words in ("2 hops, first a", "-100 dBm", "3.1 % of its packets lost", "round trip 8.1\u00a0s"):
        assert words in spots["b"].more
    svg = drawing(list(spots.values()))
    assert "a: +12 dB margin; b: 2 hops by a" in svg.split("aria-label=")[1].split(">")[0]
    assert "<title>b: 2 hops, first a" in svg


def boxes(svg):
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="(\d+)" height="(\d+)"', svg)
    return [tuple(float(number) for number in box) for box in found]


@pytest.mark.parametrize("narrow", [False, True])
def test_no_two_places_overlap_and_all_are_within_the_drawing(narrow):
    views = (
        [view(f"n{n}", 1) for n in range(4)] + [view(f"m{n}", 2, f"n{n % 2}") for n in range(5)] + [view("x", 3, "n1")]
    )
    svg = drawing(list(places(*views, gateways=(GATEWAY, "spi:0.0")).values()), narrow)
    width, height = (float(number) for number in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    found = boxes(svg)
    assert len(found) == 12
    for x, y, w, h in found:
        assert x >= 0 and x + w <= width and y >= 0 and y + h <= height
    for one, other in itertools.combinations(found, 2):
        assert abs(one[0] - other[0]) >= one[2] + 8 or abs(one[1] - other[1]) >= one[3] + 8
    assert not narrow or width < 300  # fits a phone without scrolling


def test_in_a_list_each_node_comes_right_below_the_one_it_is_reached_through():
    spots = places(view("a", 1), view("b", 1), view("c", 2, "a"), view("d", 2, "b"))
    assert [spot.name for spot in sorted(spots.values(), key=lambda spot: spot.order)] == [GATEWAY, "a", "c", "b", "d"]


def test_long_names_and_words_are_cut_to_their_room():
    svg = drawing(list(places(view("a-name-of-more-than-twenty-letters", 2, "b" * 30)).values()))
    texts = re.findall(r'class="(name|words)"[^>]*>([^<]*)<', svg)
    assert all(len(text) <= {"name": 18, "words": 25}[kind] for kind, text in texts) and "\u2026" in svg


def test_no_name_gets_out_of_its_text():
    svg = drawing([Spot('<script>"&', 0), Spot('"onload="x', 1, parent='<script>"&')])
    assert "<script" not in svg and "&lt;script&gt;" in svg and '"onload' not in svg
    for narrow in (False, True):
        named = drawing(list(places(view("<b>x", 1), view("y", 2, '"<b>x')).values()), narrow)
        assert "<b>" not in named and 'by "' not in named


def test_airtime_is_told_with_what_the_law_gives_and_when_it_goes_on():
    told = Air(GATEWAY, "EU868", True, "", False, [AirBand(869_400, 869_650, 12_300, 100_000, 0)], {})
    assert airtime_words(told) == (
        "EU868, simulated LoRa; 869.4\N{EN DASH}869.65 MHz: 1.23 % of the last hour on air, 10 % allowed, may send now"
    )
    told.bands = [AirBand(868_000, 868_600, 9_900, 10_000, 42_000)]
    assert airtime_words(told).endswith("next packet in 42 s")
    told.is_jammed = True
    assert "jammed" in airtime_words(told)
    told.fault = "SX1262 does not answer"
    assert airtime_words(told) == "EU868, simulated LoRa: SX1262 does not answer"
