"""The specification beside the wire says what the wire does: made from the same table, its example is real."""

import re

import pytest
from vector_files import agreement, layers, material

from gridnode.wire import channel, packet, schema, session
from gridnode.wire.frame import FRAME_MAX, PACKET_MAX, FrameDecoder
from gridnode.wire.seal import TAG_BYTES
from tools import wire_spec


def _readme():
    return (wire_spec.FOLDER / wire_spec.README).read_text(encoding="utf-8")


def test_the_files_made_from_the_table_are_up_to_date():
    assert wire_spec.stale() == {}, "run: python -m tools.wire_spec --write"


def test_a_change_of_the_table_is_noticed(monkeypatch):
    monkeypatch.setitem(schema.MESSAGES, schema.CALL, ("call", (("host_session", "uint"), ("more", "int?"))))
    assert set(wire_spec.stale()) == {wire_spec.CDDL, wire_spec.README}
    assert "more: int63 / null" in wire_spec.cddl()
    assert wire_spec.main([]) == 1


def test_every_type_of_the_cddl_has_a_rule():
    text = re.sub(r";.*", "", wire_spec.cddl())
    rules = set(re.findall(r"^([\w-]+) = ", text, re.MULTILINE))
    used = set(re.findall(r": ([\w-]+)(?: / null)?,", text)) | set(re.findall(r"[\w]+-message", text))
    assert used <= rules
    fields = {field for _, fields in schema.MESSAGES.values() for field, _ in fields}
    assert not rules & fields  # a CDDL tool may take a field's name for a rule's


def test_a_readme_that_lost_its_marks_is_told_so():
    with pytest.raises(ValueError, match="lost a mark"):
        wire_spec.readme("# The wire\n")


def test_the_worked_example_is_what_the_code_makes():
    shown = dict(re.findall(r"^    (\w[\w ]*?)  +((?:[0-9a-f]{2} ?)+)$", _readme(), re.MULTILINE))
    shown = {what: bytes.fromhex(octets) for what, octets in shown.items()}
    made = {what: bytes.fromhex(octets) for what, octets in agreement().items() if what not in ("name", "slot")}
    assert (shown["OFFER"], shown["WELCOME"]) == (made["offer"], made["welcome"])
    assert (shown["node key"], shown["PRK"]) == (made["key"], made["pseudorandom_key"])
    assert shown["up key"] + shown["up salt"] == made["up"] == material("up")
    assert tuple(shown[layer] for layer in ("body", "packet", "frame")) == layers([schema.PONG, 3600000, 12399], 1)
    (received,) = FrameDecoder().feed(shown["frame"])
    body = channel.sealer(shown["up key"] + shown["up salt"]).open(received, 1, 1)
    assert received == shown["packet"] and session.decode(bytes(body)) == [7, 3600000, 12399]


@pytest.mark.parametrize(
    ("words", "figure"),
    [
        ("1 to {} bytes, so a frame", PACKET_MAX),
        ("frame has at most {} with", FRAME_MAX),
        ("body at most {} under a counter below 8", PACKET_MAX - 1 - TAG_BYTES),
        ("{} under the longest", PACKET_MAX - packet.HEADER_MAX - TAG_BYTES),
        ("the highest and the {} below it", channel.WINDOW - 1),
        ("looks at {} WELCOMEs", channel._TRIES),
        ("heard its host within {} s", session.QUIET_MS // 1000),
        ("HELLO for {} s", session.HELLO_FOR_MS // 1000),
        ("| silence | {} s |", session.SILENCE_MS // 1000),
        ("| PING | each {} s |", session.PING_EVERY_MS // 1000),
        ("| outcomes remembered | {} |", session.OUTCOMES_KEPT),
        ("one of the {} commands last answered", session.OUTCOMES_KEPT),
        ("OFFER, at most each {} ms", session.CALL_ANSWER_MS),
    ],
)
def test_the_figures_of_the_text_are_those_of_the_code(words, figure):
    assert words.format(figure) in _readme()
