"""The report: its rules on made-up figures, and that it tells what was not measured."""

import json
import re
from html.parser import HTMLParser

import pytest

from hil import page, plots, report, rigs, verdict
from hil.figures import CATALOG, Figure, Notebook


def figure(name, value, limit=None):
    return Figure(name, value, limit)


def figures(**values):
    return {name: figure(name, *(value if isinstance(value, tuple) else (value,))) for name, value in values.items()}


def run(rig, *, failed=(), passed=("test_hello",), series=None, wall_s=10.0, **values):
    tests = [{"name": name, "outcome": "passed", "seconds": 1.0, "words": ""} for name in passed]
    tests += [{"name": name, "outcome": "failed", "seconds": 1.0, "words": "it <broke>\nthere"} for name in failed]
    made = [{"name": name, "value": value, "limit": None, "note": ""} for name, value in values.items()]
    return {"rig": rig, "tests": tests, "figures": made, "series": series or {}, "wall_s": wall_s}


GOOD = {
    "boot_reading_ms": 760.0,
    "heap_free_kb": 131.0,
    "heap_trend_kb": 0.1,
    "command_median_ms": 11.0,
    "command_p99_ms": 21.0,
    "fail_safe_ms": 6.0,
    "over_current_ms": 21.0,
    "unsafe_edges": 0,
    "power_cuts_wrong": 0,
    "cut_lost_mwh": 467,
    "journal_days": 67.0,
    "saves_a_day": 1440,
    "flash_years": 226,
    "session_ms": 815,
    "strange_taken": 0,
    "records_lost": 0,
    "clock_error_ms": 0.3,
    "seal_ms": 0.85,
    "open_ms": 0.88,
    "seal_alloc_bytes": 400,
}


def promise(made, words):
    return next(promise for promise in made.promises if words in promise.title)


def test_promises_are_judged_by_their_bounds():
    good = report.make([run("rp2040_emulated", **GOOD)], {}, 60, 0, long=True)
    assert {each.met for each in good.promises if each.rig == "rp2040_emulated"} == {True}
    wrong = {"boot_reading_ms": 1001, "command_p99_ms": 40.5, "unsafe_edges": 1, "heap_free_kb": 119}
    wrong |= {"power_cuts_wrong": 1, "cut_lost_mwh": 1001, "journal_days": 59, "saves_a_day": 1441, "flash_years": 9}
    wrong |= {"session_ms": 1001, "strange_taken": 1, "records_lost": 1, "clock_error_ms": 2.1}
    wrong |= {"seal_ms": 1.6, "open_ms": 1.6, "seal_alloc_bytes": 401}
    for name, bad in wrong.items():
        made = report.make([run("rp2040_emulated", **{**GOOD, name: bad})], {}, 60, 0, long=True)
        title = next(title for known, _, _, title in report.REACH if known == name)
        assert [each.title for each in made.promises if each.met is False] == [title]


def test_a_short_run_does_not_judge_the_ten_minutes():
    made = report.make([run("rp2040_emulated", load_minutes=1.0, **GOOD)], {}, 60, 0, long=False)
    heap = promise(made, "free heap")
    assert heap.met is None and "--long" in heap.words


def test_a_short_run_says_what_only_a_long_one_measures():
    short = {name: value for name, value in GOOD.items() if name not in ("power_cuts_wrong", "cut_lost_mwh")}
    made = report.make([run("rp2040_emulated", **short), run("unix64")], {}, 60, 0, long=False)
    for each in (promise(made, "every flash operation"), promise(made, "one of these cuts")):
        assert each.met is None and "--long" in each.words
    assert report.reason(made.columns[1], "power_cuts_wrong") == rigs.load("unix64").lacks["power cuts"]
    assert report.reason(made.columns[1], "journal_days") == rigs.load("unix64").lacks["flash"]


def test_every_figure_has_its_place_on_the_page():
    placed = [name for _, names in page.GROUPS for name in names]
    assert sorted(placed) == sorted(CATALOG)


@pytest.mark.parametrize("name", [name for name in rigs.names() if name != "serial"])
def test_a_rig_that_lacks_a_figure_says_why(name):
    made = report.make([run(name)], {}, 60, 0, long=False)
    lacking = [figure for figure in CATALOG if set(report._NEEDS.get(figure, ())) & set(made.columns[0].rig.lacks)]
    for figure in lacking:
        assert report.reason(made.columns[0], figure) in made.columns[0].rig.lacks.values()


def test_what_was_not_measured_says_why():
    made = report.make([run("rp2040_emulated"), run("unix64", failed=["test_hello"])], {}, 60, 0, long=False)
    assert promise(made, "3.8 MB").words == "esp32_virtual was not run"
    assert promise(made, "median").met is None
    column = made.columns[1]
    assert report.reason(column, "unsafe_edges") == rigs.load("unix64").lacks["pins"]
    assert report.reason(column, "boot_reading_ms") == "failed: test_hello"


def test_the_whole_run_is_judged_only_when_it_was_whole():
    names = [name for name in rigs.names() if name != "serial"]
    whole = report.make([run(name) for name in names], {}, 400, 0, long=False)
    assert promise(whole, "whole HIL run").met is True
    slow = report.make([run(name) for name in names], {}, 421, 0, long=False)
    assert promise(slow, "whole HIL run").met is False
    broken = report.make([run(name, failed=["test_load"]) for name in names], {}, 100, 0, long=False)
    assert promise(broken, "whole HIL run").met is None
    part = report.make([run(name) for name in names[1:]], {}, 100, 0, long=False)
    assert promise(part, "whole HIL run").met is None and names[0] in promise(part, "whole HIL run").words


@pytest.mark.parametrize(
    ("ours", "pis", "who"),
    [(1.0, 2.0, "microcontroller"), (2.0, 1.0, "Pi"), (1.0, 1.2, "neither"), (0.0, 0.0, "neither")],
)
def test_a_finding_follows_the_figures(ours, pis, who):
    given = {"rp2040_emulated": figures(command_p99_ms=ours), "pi_native": figures(command_p99_ms=pis)}
    found = verdict.verdict(given, {})[0]
    assert found.who == who
    for value in (ours, pis):
        assert f"{value:.1f} ms" in found.words


def test_a_difference_inside_both_limits_decides_nothing():
    given = {"rp2040_emulated": figures(command_p99_ms=(20, 40)), "pi_native": figures(command_p99_ms=(1, 250))}
    assert verdict.verdict(given, {})[0].who == "neither"
    beyond = {"rp2040_emulated": figures(command_p99_ms=(50, 40)), "pi_native": figures(command_p99_ms=(1, 250))}
    assert verdict.verdict(beyond, {})[0].who == "Pi"


def test_the_answer_goes_with_the_findings():
    mcu = figures(parts_eur=40.0, unsafe_edges=0)
    pi = figures(parts_eur=90.0, computer_eur=60.0)
    safe = {"rp2040_emulated": {"test_pins_safe_at_start", "test_watchdog"}}
    assert verdict.verdict({"rp2040_emulated": mcu, "pi_native": pi}, safe)[-1].who == "microcontroller"
    dear = figures(parts_eur=190.0)
    assert verdict.verdict({"rp2040_emulated": dear, "pi_native": pi}, {})[-1].who == "Pi"
    assert verdict.verdict({"pi_native": pi}, {})[-1].words.startswith("No answer")
    assert "real board" in verdict.verdict({"rp2040_emulated": mcu, "pi_native": pi}, safe)[-1].words
    assert "real board" not in verdict.verdict({"serial": mcu, "pi_native": pi}, safe)[-1].words


@pytest.mark.parametrize(
    ("mcu_eur", "places", "who"), [(40.0, 2, "microcontroller"), (65.0, 3, "microcontroller"), (75.0, 5, "Pi")]
)
def test_the_price_counts_the_pi_above(mcu_eur, places, who):
    given = {"rp2040_emulated": figures(parts_eur=mcu_eur), "pi_native": figures(parts_eur=90.0, computer_eur=60.0)}
    found = verdict.verdict(given, {})[0]
    assert found.who == who and f"from {places} places on" in found.words
    assert places * mcu_eur + 60 < places * 90 and (places - 1) * mcu_eur + 60 >= (places - 1) * 90


class Reader(HTMLParser):
    """Fails on tags that do not match; keeps what people read."""

    VOID = ("meta", "br", "rect", "line", "circle", "polyline")

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_else(tmp_path):
    runs = [
        run(
            "rp2040_emulated",
            failed=["test_load"],
            series={"command_ms": [9, 10, 30], "heap_free_kb": [130, 131]},
            **GOOD,
        ),
        run("pi_native", boot_reading_ms=100.0, series={"command_ms": [0.2, 0.3]}),
    ]
    made = report.make(runs, {"esp32_virtual": "no <interpreter>"}, 60, 1, long=False)
    report.write(made, tmp_path)
    html = (tmp_path / "report.html").read_text()
    reader = Reader()
    reader.feed(html)
    assert not reader.open and not reader.links
    assert "http" not in re.sub(r"http://www.w3.org/2000/svg", "", html)
    text = " ".join(reader.text)
    assert "it <broke>" in text and "no <interpreter>" in text, "what tests say is escaped"
    for column in made.columns:
        assert column.rig.what in text
    markdown = (tmp_path / "report.md").read_text()
    told = json.loads((tmp_path / "report.json").read_text())
    for each in made.promises:
        assert each.title in markdown and each.title in text
    assert told["rigs"][1]["figures"]["unsafe_edges"] == {"not_measured": rigs.load("pi_native").lacks["pins"]}
    assert told["missing"] == {"esp32_virtual": "no <interpreter>"}


def test_of_two_values_the_worse_one_stays():
    notes = Notebook({"energy_error_percent": 0.5})
    for value in (0.1, 0.3, 0.2):
        notes.note("energy_error_percent", value)
    notes.note("heap_free_kb", 130)
    notes.note("heap_free_kb", 120)
    notes.note("heap_free_kb", 125)
    assert notes.figures["energy_error_percent"].value == 0.3
    assert notes.figures["heap_free_kb"].value == 120
    with pytest.raises(AssertionError, match="the limit is 0.5"):
        notes.hold("energy_error_percent", 0.6)


def test_a_count_is_added_to():
    notes = Notebook({})
    notes.add("power_cuts", 3, "a start's")
    notes.add("power_cuts", 96)
    assert (notes.figures["power_cuts"].value, notes.figures["power_cuts"].note) == (99, "a start's")


def test_every_limit_of_a_rig_is_a_figure_with_a_sense():
    for name in rigs.names():
        rig = rigs.load(name)
        for known in rig.limits:
            assert CATALOG[known].at_most is not None, f"{name}: {known}"


def test_a_bar_is_as_long_as_its_value():
    picture = plots.bars(
        "t", [plots.Bar("a", 10, "10", "wall"), plots.Bar("b", 5, "5", "wall"), plots.Bar("c", None, "-", "wall")]
    )
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', picture)]
    assert len(widths) == 2 and widths[0] == pytest.approx(2 * widths[1], rel=0.01)


def test_page_of_nothing():
    made = report.make([], {"unix32": "it cannot be built"}, 0, 0, long=False)
    assert "it cannot be built" in page.as_html(made)
