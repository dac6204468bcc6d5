"""The feeder's picture, its places on paper, and what is said without pandapower."""

import re
import sys
from xml.etree import ElementTree

import pytest

from host_bridge.agent.feeder import grids
from host_bridge.agent.feeder.drawing import Picture, draw
from host_bridge.agent.feeder.flow import FeederError
from host_bridge.agent.feeder.layout import places

# A substation, a busbar, and two streets from it, one with a home beside it.
ENDS = [(1, 2), (2, 3), (2, 4), (1, 5), (5, 6), (0, 1)]
NAMES = ["line a", "line b", "line c", "line d", "line e", "transformer"]
SVG = "{http://www.w3.org/2000/svg}"


def picture(**known):
    homes = ["home-1", "home-2", "home-3", "<Ida>"]
    return Picture("a <street>", homes, [3, 4, 4, 6], NAMES, ENDS, 0, 7, **known)


def titles(svg):
    return [title.text for title in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def test_every_part_has_a_title_that_says_its_figures():
    known = {"voltage_ppm": [1_000_000, 990_000, 980_000, 890_000, 915_000, 1_000_000, 1_101_000]}
    known |= {"loading_ppm": [400_000, 810_000, 1_020_000, 0, 0, 500_000], "homes_w": [2_000, 500, -1_500, 0]}
    shown = titles(draw(picture(**known)))
    assert len(shown) == 6 + 7
    assert "line c: 102.0 % of its rating" in shown
    assert "home-2, home-3: draws 0.5 kW; feeds in 1.5 kW: 210.4 V, 91.5 % of nominal" in shown
    assert "substation" in shown


def test_colors_tell_what_is_near_and_beyond_a_limit():
    known = {"voltage_ppm": [1_000_000, 990_000, 980_000, 890_000, 915_000, 1_000_000, 1_101_000]}
    known |= {"loading_ppm": [400_000, 810_000, 1_020_000, 0, 0, 500_000]}
    svg = draw(picture(**known))
    paths = re.findall(r'stroke="var\(--(\w+),[^>]*"><title>(.*?):', svg)
    assert {title: color for color, title in paths} == {
        "line a": "good", "line b": "warn", "line c": "bad", "line d": "good", "line e": "good", "transformer": "good",
    }  # fmt: skip
    assert ">102 %</text>" in svg
    assert ">40 %</text>" not in svg
    circles = re.findall(r"<title>([^<]*?):[^<]*</title><circle [^>]*stroke=\"var\(--(\w+)", svg)
    assert dict(circles) == {"home-1": "bad", "home-2, home-3": "warn", "&lt;Ida&gt;": "bad"}


def test_limits_other_than_the_usual_color_by_them():
    svg = draw(picture(loading_ppm=[400_000] * 6, full_ppm=[300_000] * 5 + [1_000_000]))
    assert svg.count("var(--bad") == 5 * 2  # the line and its figure


def test_near_is_the_last_fifth_of_the_way_to_the_limit_on_its_own_side():
    known = {"least_ppm": 900_000, "most_ppm": 1_020_000}
    for volts, color in ((1_015_000, "good"), (1_017_000, "warn"), (1_021_000, "bad"), (950_000, "good")):
        svg = draw(picture(voltage_ppm=[1_000_000] * 6 + [volts], **known))
        assert re.findall(r"Ida[^<]*</title><circle [^>]*stroke=\"var\(--(\w+)", svg) == [color]


def test_names_are_text_and_never_markup():
    root = ElementTree.fromstring(draw(picture()))
    assert "a <street>" in root.get("aria-label")
    assert "<Ida>" in titles(draw(picture()))


def test_nothing_known_is_drawn_as_the_feeder_alone():
    svg = draw(picture())
    assert "%" not in svg
    assert "--good" not in svg
    assert len(titles(svg)) == 13


def test_no_two_buses_at_one_place_and_lines_go_right_or_down():
    at = places(0, 7, ENDS)
    assert len(set(at)) == 7
    assert at[0] == (0, 0)
    for first, last in ENDS:
        assert at[last][0] >= at[first][0] and at[last][1] >= at[first][1]


def test_a_long_street_and_one_bus_are_drawn_too():
    assert places(0, 1, []) == [(0, 0)]
    chain = [(bus, bus + 1) for bus in range(1_999)]
    assert places(0, 2_000, chain)[-1] == (1_999, 0)
    with pytest.raises(ValueError, match="not connected"):
        places(0, 3, [(0, 1)])


def test_without_pandapower_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pandapower.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandapower", None)
    with pytest.raises(grids.GridMissing, match=r"pip install 'gridnexus\[grid\]'"):
        grids.read(grids.DEMO, ["a"])


@pytest.mark.parametrize(
    ("name", "homes", "says"),
    [
        ("nowhere", ["a"], "choose one of: kerber"),
        (grids.DEMO, [], "at least one"),
        (grids.DEMO, ["a", "a"], "each home once"),
    ],
)
def test_a_feeder_that_is_none_is_refused(name, homes, says):
    with pytest.raises(FeederError, match=says):
        grids.read(name, homes)
