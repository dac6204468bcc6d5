"""The map of the radio links, as places and as a drawing."""

from host_bridge.model import Air, AirBand, LinkState, NodeView, Way
from host_bridge.web.link_map import Spot, airtime_words, drawing, layout, strength

GATEWAY = "air://127.0.0.1:5000"


def view(name, hops, next_hop="", margin_db=12, gateway=GATEWAY, state=LinkState.ONLINE):
    found = NodeView(name, f"radio {name}", state)
    found.way = Way(gateway, True, hops, next_hop, -100, margin_db, 200.0)
    return found


def places(*views, gateways=(GATEWAY,)):
    return {spot.name: spot for spot in layout({each.name: each for each in views}, gateways)}


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
    assert [strength(db) for db in (None, 3, 4, 9, 10)] == ["relayed", "weak", "fair", "fair", "good"]
    svg = drawing(layout({"a": view("a", 1, margin_db=-2)}, [GATEWAY]))
    assert 'class="hop weak"' in svg and "-2 dB margin" in svg


def test_a_node_that_is_silent_is_faded():
    assert places(view("a", 1, state=LinkState.STALE))["a"].is_faded


def test_no_name_gets_out_of_its_text():
    svg = drawing([Spot('<script>"&', 0)])
    assert "<script" not in svg and "&lt;script&gt;" in svg
    svg = drawing(layout({"<b>x": view("<b>x", 1)}, [GATEWAY]))
    assert "<b>" not in svg


def test_airtime_is_told_with_what_the_law_gives_and_when_it_goes_on():
    air = Air(GATEWAY, "EU868", True, "", False, [AirBand(869_400, 869_650, 12_300, 100_000, 0)], {})
    assert airtime_words(air) == (
        "EU868, simulated LoRa; 869.4\N{EN DASH}869.65 MHz: 1.23 % of the last hour on air, 10 % allowed, may send now"
    )
    air.bands = [AirBand(868_000, 868_600, 9_900, 10_000, 42_000)]
    assert airtime_words(air).endswith("next packet in 42 s")
    air.is_jammed = True
    assert "jammed" in airtime_words(air)
    air.fault = "SX1262 does not answer"
    assert airtime_words(air) == "EU868, simulated LoRa: SX1262 does not answer"
