"""A small record kept twice: the newest whole one is read, whatever became of the other."""

import os

from gridnode.node import pair as pairs
from gridnode.node.pair import PAYLOAD_MAX, Pair


def path(name):
    return (os.getenv("TMPDIR") or "/tmp") + "/" + name


def content(name):
    with open(path(name), "rb") as file:
        return file.read()


def spoil(name, change):
    """Put change(content) in place of a file's content."""
    changed = change(bytearray(content(name)))
    with open(path(name), "wb") as file:
        file.write(changed)


def flipped(at):
    def change(found):
        found[at] ^= 0x10
        return found

    return change


def test_nothing_is_kept_at_first():
    pair = Pair(path("none"))
    assert pair.counter == 0 and pair.read() is None


def test_the_newest_payload_is_read_now_and_by_the_next_boot():
    pair = Pair(path("new"))
    for number in range(1, 6):
        pair.write(b"payload %d" % number)
        for seen in (pair, Pair(path("new"))):
            assert seen.counter == number and seen.read() == b"payload %d" % number


def test_a_write_never_touches_the_newest():
    pair = Pair(path("over"))
    pair.write(b"one")
    pair.write(b"two")
    before = content("overb")
    pair.write(b"three")
    assert content("overb") == before


def test_what_is_damaged_anywhere_gives_way_to_the_other():
    for at in range(8 + len(b"second")):
        for damage in (flipped(at), lambda found, at=at: found[:at]):
            name = "damage%d" % at
            pair = Pair(path(name))
            pair.write(b"first")
            pair.write(b"second")
            newest = name + ("a" if pair.counter % 2 else "b")
            spoil(newest, damage)
            left = Pair(path(name))
            assert left.read() == b"first", at
            left.write(b"third")
            assert Pair(path(name)).read() == b"third"


def test_both_damaged_is_nothing_and_can_be_written_again():
    pair = Pair(path("both"))
    pair.write(b"first")
    pair.write(b"second")
    spoil("botha", flipped(5))
    spoil("bothb", flipped(9))
    pair = Pair(path("both"))
    assert pair.counter == 0 and pair.read() is None
    pair.write(b"third")
    assert Pair(path("both")).read() == b"third"


def test_going_back_brings_the_one_before_under_a_new_counter():
    pair = Pair(path("back"))
    pair.write(b"first")
    pair.write(b"second")
    assert pair.revert() == b"first"
    assert pair.counter == 3
    assert pair.read() == Pair(path("back")).read() == b"first"
    pair.write(b"third")
    assert pair.revert() == b"first" == Pair(path("back")).read()


def test_going_back_from_the_first_leaves_an_empty_one():
    pair = Pair(path("undo"))
    assert pair.revert() == b"" and pair.read() is None
    pair.write(b"first")
    assert pair.revert() == b""
    assert pair.read() == Pair(path("undo")).read() == b""


def test_a_payload_has_its_longest():
    pair = Pair(path("long"))
    pair.write(b"x" * PAYLOAD_MAX)
    assert len(Pair(path("long")).read()) == PAYLOAD_MAX
    try:
        pair.write(b"x" * (PAYLOAD_MAX + 1))
    except ValueError:
        pass
    else:
        raise AssertionError("taken")
    assert len(pair.read()) == PAYLOAD_MAX


def test_what_cannot_be_written_is_an_error_and_changes_nothing():
    pair = Pair(path("no_such_folder/pair"))
    try:
        pair.write(b"lost")
    except OSError:
        pass
    else:
        raise AssertionError("written")
    assert pair.counter == 0 and pair.read() is None


def test_what_does_not_read_back_as_written_is_an_error():
    pair = Pair(path("worn"))
    pair.write(b"first")
    kept = content("worna")
    store = pairs.store
    pairs.store = lambda file, written: store(file, written[:-1] + b"?")  # flash that no longer holds every bit
    try:
        pair.write(b"second")
    except OSError as error:
        assert "read back" in str(error)
    else:
        raise AssertionError("written")
    finally:
        pairs.store = store
    for seen in (pair, Pair(path("worn"))):
        assert seen.counter == 1 and seen.read() == b"first" and content("worna") == kept
