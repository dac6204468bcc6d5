"""The schema that goes onto a microcontroller: smaller, with the same digest, names and numbers, and refusals."""

import types
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gridnode.wire import WireError, schema
from tools import slim_schema


def made_of(source: bytes) -> ModuleType:
    module = types.ModuleType("slim")
    exec(compile(source, "slim", "exec"), module.__dict__)
    return module


SLIM = made_of(slim_schema.source())
KINDS = sorted({kind for _, fields in schema.MESSAGES.values() for _, kind in fields})

# What one kind takes and the next does not, and what no kind takes.
AWKWARD = [
    None, True, 1.0, "", b"", [], (), bytearray(b"x"), -1, 0, 1, 2, 3, 4, 11, 12, 14, 15, 16, 17,
    schema.INT_MAX, schema.INT_MAX + 1, -schema.INT_MAX, -schema.INT_MAX - 1,
    b"x" * schema.TEXT_MAX, b"x" * (schema.TEXT_MAX + 1), b"x" * schema.BLOB_MAX, b"x" * (schema.BLOB_MAX + 1),
    "x" * schema.TEXT_MAX, "x" * (schema.TEXT_MAX + 1), "\u00e9" * 16, "\u00e9" * 17,
    ["x"] * schema.TEXTS_MAX, ["x"] * (schema.TEXTS_MAX + 1), ["x", 1], ["x" * (schema.TEXT_MAX + 1)], [b"x"],
]  # fmt: skip
GOOD = {
    "uint": st.integers(0, schema.INT_MAX),
    "int": st.integers(-schema.INT_MAX, schema.INT_MAX),
    "bytes": st.binary(max_size=schema.TEXT_MAX),
    "blob": st.binary(max_size=schema.BLOB_MAX),
    "text": st.text(st.characters(codec="ascii"), max_size=schema.TEXT_MAX),
    "texts": st.lists(st.text(st.characters(codec="ascii"), max_size=schema.TEXT_MAX), max_size=schema.TEXTS_MAX),
} | {kind: st.integers(0, len(names) - 1) for kind, names in schema.NAMES.items()}


def good(kind: str) -> st.SearchStrategy:
    return st.none() | GOOD[kind[:-1]] if kind.endswith("?") else GOOD[kind]


def well_formed(number: int) -> st.SearchStrategy:
    return st.tuples(st.just(number), *(good(kind) for _, kind in schema.MESSAGES[number][1])).map(list)


def verdict(module: ModuleType, message: object) -> str:
    try:
        assert module.check(message) is message
    except WireError as error:
        return str(error).split(":")[0]  # the slim one knows no names to put behind it
    return "taken"


def test_the_digest_is_the_same():
    assert SLIM.digest() == schema.digest()


def test_every_constant_is_there_but_the_names_of_fields():
    gone = {"MESSAGES", "NAMES", "FAULTS"}  # a node tells a fault by its number
    for name in dir(schema):
        if name.isupper() and not name.startswith("_"):
            assert name in gone or getattr(SLIM, name) == getattr(schema, name), name
    assert not any(hasattr(SLIM, name) for name in gone)


@pytest.mark.parametrize("number", sorted(schema.MESSAGES))
@settings(max_examples=40, deadline=None)
@given(choice=st.data())
def test_what_is_well_formed_is_taken_by_both(number, choice):
    message = choice.draw(well_formed(number))
    assert verdict(schema, message) == verdict(SLIM, message) == "taken"


@pytest.mark.parametrize("number", sorted(schema.MESSAGES))
@settings(max_examples=10, deadline=None)
@given(choice=st.data())
def test_each_field_refuses_the_same(number, choice):
    message = choice.draw(well_formed(number))
    for place in range(1, len(message)):
        for value in [*AWKWARD, choice.draw(st.integers() | st.text() | st.binary())]:
            bent = [*message[:place], value, *message[place + 1 :]]
            assert verdict(SLIM, bent) == verdict(schema, bent), (place, value)


@pytest.mark.parametrize("number", sorted(schema.MESSAGES))
def test_a_field_more_or_less_is_refused_by_both(number):
    fields = len(schema.MESSAGES[number][1])
    for count in (fields - 1, fields + 1):
        message = [number, *[0] * count]
        assert verdict(SLIM, message) == verdict(schema, message) == "wrong number of fields"


@given(st.none() | st.integers() | st.text() | st.lists(st.integers() | st.none() | st.text() | st.booleans()))
@example([True, 0])
@example([0])
def test_what_is_no_message_is_refused_by_both(message):
    assert verdict(SLIM, message) == verdict(schema, message)


def test_every_kind_of_field_is_tried():
    assert {kind.rstrip("?") for kind in KINDS} <= set(GOOD)


def test_it_is_small():
    assert len(slim_schema.source()) < 0.3 * Path(schema.__file__).stat().st_size
