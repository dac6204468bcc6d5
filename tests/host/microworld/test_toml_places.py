"""Where keys and values stand in a TOML text."""

import pytest

from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.spec import toml_places

TEXT = '''# first
top = 1
[table]   # a comment with [brackets] = "and more"
plain = "a # b"
dotted.inner.key = [ 1, "two", [3, { four = 4 }],
    # between
    """five
six""" ]
"quoted key" = 'lite\\ral'

[[many]]
x = 1
[[many]]
x = { a = 2, b.c = "}" } # }
[many.deep]
y = 1979-05-27T07:32:00Z
[[many.deeper]]
z = true
 last . "part" . x = { y  .  z = 5 }
'''


def place(path, at=0):
    places = toml_places.read(TEXT, "t")
    return places.line_column(places.value(path, at))


@pytest.mark.parametrize(
    ("path", "at", "line", "column"),
    [
        (("top",), 0, 2, 7),
        (("table", "plain"), 0, 4, 10),
        (("table", "plain"), 4, 4, 14),
        (("table", "dotted", "inner", "key"), 0, 5, 20),
        (("table", "dotted", "inner", "key", 0), 0, 5, 22),
        (("table", "dotted", "inner", "key", 1), 1, 5, 27),
        (("table", "dotted", "inner", "key", 2, 1, "four"), 0, 5, 45),
        (("table", "dotted", "inner", "key", 3), 0, 7, 8),
        (("table", "dotted", "inner", "key", 3), 5, 8, 1),
        (("table", "quoted key"), 5, 9, 22),
        (("many", 0, "x"), 0, 12, 5),
        (("many", 1, "x", "a"), 0, 14, 11),
        (("many", 1, "x", "b", "c"), 0, 14, 21),
        (("many", 1, "deep", "y"), 0, 16, 5),
        (("many", 1, "deeper", 0, "z"), 0, 18, 5),
        (("many", 1, "deeper", 0, "last", "part", "x"), 0, 19, 22),
        (("many", 1, "deeper", 0, "last", "part", "x", "y", "z"), 0, 19, 34),
    ],
)
def test_values_are_found(path, at, line, column):
    assert place(path, at) == (line, column)


def test_keys_are_found():
    places = toml_places.read(TEXT, "t")
    lines = {
        ("table",): 3,
        ("table", "plain"): 4,
        ("table", "dotted", "inner"): 5,
        ("table", "quoted key"): 9,
        ("many",): 11,
        ("many", 0): 11,
        ("many", 1): 13,
        ("many", 1, "x", "b"): 14,
        ("many", 1, "deep"): 15,
        ("many", 1, "deep", "absent", "too"): 15,
        ("absent",): 1,
    }
    assert {path: places.line_column(places.key(path))[0] for path in lines} == lines


@pytest.mark.parametrize(
    ("text", "at", "column"),
    [
        (r'x = "a\tb\u00e9c\U0001F600d"', 1, 7),
        (r'x = "a\tb\u00e9c\U0001F600d"', 2, 9),
        (r'x = "a\tb\u00e9c\U0001F600d"', 4, 16),
        (r'x = "a\tb\u00e9c\U0001F600d"', 6, 27),
        (r"x = 'a\tb'", 3, 9),
        ('x = """\nab"""', 1, 2),
        ('x = """a\\\n   b"""', 1, 4),
        ("x = '''\r\na\r\nb'''", 2, 1),
    ],
)
def test_a_character_is_found_behind_escapes(text, at, column):
    places = toml_places.read(text, "t")
    assert places.line_column(places.value(("x",), at))[1] == column
    found = places.document["x"][at]
    assert places.text[places.value(("x",), at)] == found or text[places.value(("x",), at)] == "\\"


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a = 1\nb = = 2", 2, 5, "Invalid value"),
        ("a = 1\na = 2", 2, 6, "Cannot overwrite"),
        ("[world", 1, 7, "Expected"),
        ('a = "x', 1, 7, "Unterminated"),
        ("a = [[", 1, 7, ""),
        ("a = " + "[" * 5000, 1, 1, "nested too deep"),
        ("a = 1\n" + "x . " * 15000 + "y = 1", 2, 1, "a key of so many parts"),
        ("a = 1\n[" + "'x'.\"y\"." * 10 + "y]", 2, 2, "a key of so many parts"),
        ("a = " + "1" * 5000, 1, 1, "too many digits"),
        ("a = '" + "x" * 70000 + "'", 1, 1, "at most 64 kB"),
        ("a = '" + "\u20ac" * 30000 + "'", 1, 1, "at most 64 kB"),
    ],
)
def test_what_is_no_toml_is_told_at_its_place(text, line, column, says):
    with pytest.raises(SpecError) as caught:
        toml_places.read(text, "file.toml")
    assert says in caught.value.says
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"file.toml:{line}:{column}: ")
