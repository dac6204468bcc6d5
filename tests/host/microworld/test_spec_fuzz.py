"""Whatever a specification's text is: it is read, or refused with a SpecError at a place in it."""

import random
import re

import pytest

from host_bridge.microworld.spec import SpecError, read, template
from tests.host.microworld.test_spec_errors import GOOD

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
HOSTILE = [*"\"'[]{}=\n\x00\u20ac\U0001f600\ud7ff\\#-%()", '"""', "[[", "\\u0041", "99999999999", "-1", "0"]
HOSTILE += ["1e400", "1979-05-27", "true", "if(", "next(last)", "left('x')", "and", "is", "sets", "kWh", "2 kW"]
HOSTILE += ["[world]", "[[rule]]", "[a.b]"]


def mutated(text, chance):
    """`text` with a few tokens lost, doubled, swapped or replaced."""
    tokens = TOKEN.findall(text)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        act = chance.randrange(5)
        if act == 0:
            tokens[at] = ""
        elif act == 1:
            tokens[at] *= chance.choice([2, 2, 50])
        elif act == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif act == 3:
            tokens[at] = tokens[other]
        else:
            tokens[at] = chance.choice(HOSTILE)
    return "".join(tokens)


@pytest.mark.parametrize("original", [GOOD, template("t")], ids=["good", "template"])
def test_a_mutated_specification_is_read_or_refused(original):
    chance, read_well = random.Random(6), 0
    for _ in range(150):
        text = mutated(original, chance)
        try:
            read(text).program()
            read_well += 1
        except SpecError as error:
            for one in error.errors:
                lines = text.split("\n")
                assert 1 <= one.line <= len(lines) and 1 <= one.column <= len(lines[one.line - 1]) + 1
                assert one.says and len(one.says) < 500
    assert 5 < read_well < 145


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "[world]",
        "world = 1",
        "world = [1]",
        "[[world]]",
        "rule = [1, 2]",
        "always = [[]]",
        "[rule]",
        "[agent]\na = 1",
        "[agent.a]\ndecides = [1]\nstrategy = 2",
        "[agent.a]\ndecides = ['x']\nstrategy = {b = 3}",
        "[profile]\na = []",
        "profile = 3",
        "let = 'x'",
        "[let]\n" + "".join(f"x{n} = 'x{n + 1} + 1'\n" for n in range(900)) + "x900 = '1'",
        "[let]\n" + "".join(f"x{n} = '1'\n" for n in range(3000)),
        "[let]\na = '" + "1 + " * 990 + "1'",
        "[let]\nx = '1'\na = '" + "(x + x) * " * 390 + "x'",
        "[let]\nx = '1'\na = '" + "if(x > 0, " * 39 + "1" + ", 2)" * 39 + "'",
        "[let]\nx = '1'\na = '" + "x < " * 900 + "x'",
        "[let]\nx = '1'\na = '" + "between(" * 39 + "x" + ", 0, 1)" * 39 + "'",
        "[input]\nx = { unit = '" + "*".join(["kWh"] * 9) + "', range = [0, 1] }",
        "[input]\nx = { unit = 'W/', range = [0, 1] }",
        "[input]\nx = { unit = 3, range = 4 }",
        "[input]\nx = { unit = 'W', range = [[], {}] }",
    ],
)
def test_a_hostile_text_is_refused(text):
    head = '[world]\nname = "x"\nkind = "twin"\ntick = "1 s"\n'
    for whole in (text, text if "world" in text else head + text):
        with pytest.raises(SpecError):
            read(whole)
