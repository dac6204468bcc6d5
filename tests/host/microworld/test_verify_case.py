"""The assurance case: the same every time, read back, made anew from the bytes, and shown as a page without scripts."""

import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from host_bridge.microworld import bytecode, wasm
from host_bridge.microworld.verify import Case, reverify, verify
from host_bridge.microworld.verify.case import program_of
from tests.host.microworld.verify_kit import always, checked, outcomes, stays, valve, verdict

GOOD = valve(always("remembered", "was == before(open)") + stays("stays", "open and not before(open)", "open", "20 s"))
BAD = valve(always("never", "not open") + '\n[[assume]]\nholds = "load <= 4000 W"\n')


def without_seconds(case):
    return replace(case, verdicts=tuple(replace(each, seconds=0.0) for each in case.verdicts))


def test_the_json_is_the_same_every_time_but_for_the_seconds():
    one, other = (without_seconds(checked(GOOD)).json() for _ in range(2))
    assert one == other
    body = json.loads(one)
    assert body["accepted"] is True
    assert body["digest"] == hashlib.sha256(wasm.compile(GOOD)).hexdigest()
    assert set(body["tools"]) == {"python", "verifier", "wasmtime", "z3"}


def test_a_case_is_read_back_whole():
    for program in (GOOD, BAD):
        case = without_seconds(checked(program, bytecode=bytecode.compile(program)))
        assert Case.read(case.json()) == case


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"format": 2}', '{"format": 1}'])
def test_what_is_no_case_is_an_error(text):
    with pytest.raises(ValueError, match="assurance case|Expecting value"):
        Case.read(text)


@pytest.mark.parametrize(
    "path",
    [
        ("fuel_bound",),
        ("fuel_run", 0),
        ("verdicts", 0, "seconds"),
        ("verdicts", 0, "k"),
        ("verdicts", -1, "trace", 0, "load"),
        ("interface", "claims", 0, "ticks"),
        ("interface", "state", 0, "least"),
        ("interface", "outputs", 0, "delay_ticks"),
    ],
)
def test_a_case_with_markup_in_place_of_a_number_is_none(path):
    program = valve(stays("never", "asked", "not open", "3 s"))
    body = json.loads(checked(program).json())
    part = body
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = "<script>alert(1)</script>"
    with pytest.raises(ValueError, match="assurance case|interface"):
        Case.read(json.dumps(body))


@pytest.mark.parametrize("program", [GOOD, BAD])
def test_someone_else_comes_to_the_same_verdicts_from_the_bytes_and_the_text(program):
    code = bytecode.compile(program)
    case = checked(program, bytecode=code)
    again = reverify(wasm.compile(program), case.json(), code)
    assert without_seconds(again) == without_seconds(case)
    assert program_of(case).claims == program.claims


def test_a_case_of_other_bytes_is_not_theirs():
    case = checked(GOOD, bytecode=bytecode.compile(GOOD))
    with pytest.raises(ValueError, match="another module"):
        reverify(wasm.compile(valve(old0="20 s", new0="21 s")), case.json())
    with pytest.raises(ValueError, match="another bytecode"):
        reverify(wasm.compile(GOOD), case.json(), bytecode.compile(BAD))


def test_a_case_that_was_changed_says_what_is_so():
    """Whoever writes "accepted" into a case, or a claim that does not hold, is found out by a rerun."""
    body = json.loads(checked(GOOD).json())
    body["interface"]["claims"][0]["holds"] = "not open"
    body["interface"]["claims"][0]["name"] = "never"
    again = reverify(wasm.compile(GOOD), json.dumps(body))
    assert outcomes(again) == {"never": "refuted"}


def test_bytecode_that_is_not_the_same_is_found():
    case = verify(wasm.compile(GOOD), GOOD, bytecode=bytecode.compile(valve(old0="20 s", new0="21 s")))
    assert outcomes(case) == dict.fromkeys(
        ("bytecode equals wasm: open", "bytecode equals wasm: next:was", "bytecode equals wasm: next:since"), "refuted"
    )
    (row,) = verdict(case, "bytecode equals wasm: open").trace
    assert row["since"] == 20
    assert row["open"] != row["bytecode:open"]


def test_bytecode_that_is_not_run_on_the_same_inputs_is_found():
    code = bytecode.compile(valve())
    case = verify(wasm.compile(BAD), BAD, bytecode=code)
    assert outcomes(case) == {"bytecode equals wasm: when it is run": "refuted", "never": "refuted"}


@pytest.mark.parametrize("at", range(6))
def test_malformed_bytecode_is_refused(at):
    code = bytearray(bytecode.compile(GOOD))
    code[at] ^= 0x7F
    (found,) = verify(wasm.compile(GOOD), GOOD, bytecode=bytes(code)).verdicts
    assert found.outcome == "refused"


class Tags(HTMLParser):
    """Counts tags, and checks that they close."""

    def __init__(self):
        super().__init__()
        self.seen, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]
        if tag not in ("meta", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "polyline":
            assert self.open.pop() == tag


def test_the_page_shows_the_counterexample_and_has_no_scripts():
    page = checked(BAD).page()
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert "script" not in tags.seen
    assert {"svg", "polyline", "table"} <= set(tags.seen)
    assert "load &lt;= 4000" in page
    assert "not accepted" in page
    assert "accepted: all was proved" in checked(GOOD).page()


def test_the_page_has_nothing_of_the_specification_as_markup():
    program = replace(GOOD, name="<script>alert(1)</script>", says="<img src=x onerror=alert(1)>")
    page = checked(program).page()
    assert "<script" not in page
    assert "<img" not in page
