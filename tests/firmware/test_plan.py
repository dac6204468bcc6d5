"""The node's own plan: what it wants at which time, and which documents are none."""

from gridnode.node.plan import CONDITIONS, LONGEST_MIN, Plan
from gridnode.wire import cbor

BEGIN_S = 1_767_225_600
END_S = BEGIN_S + 86_400
NAMES = ["always"] + [name + sign for name in ("price", "export", "frequency", "voltage") for sign in (" <=", " >=")]
NOTHING = (None, None, None)
MINUTE_MS = 60_000


def written(*rows, prices=(), begin_s=BEGIN_S, end_s=END_S, form=1):
    buffer = bytearray(400)
    document = [form, begin_s, end_s, list(prices)] + [list(row) for row in rows]
    return bytes(buffer[: cbor.put(buffer, 0, document)])


def plan(*rows, **how):
    return Plan.parse(written(*rows, **how), 2)


def at(minute):
    return BEGIN_S * 1000 + minute * MINUTE_MS


def when(words):
    return NAMES.index(words)


def refused(body, contactors=2):
    try:
        Plan.parse(body, contactors)
    except ValueError as error:
        return str(error)
    return ""


def test_a_row_holds_from_its_start_for_its_duration_and_for_its_contactor_alone():
    made = plan((60, 30, 0, 1))
    wishes = [made.wish(0, at(minute), NOTHING, False) for minute in (0, 59, 60, 89, 90)]
    assert wishes == [None, None, "closed", "closed", None]
    assert made.wish(0, at(60) - 1, NOTHING, False) is None
    assert made.wish(0, at(90) - 1, NOTHING, False) == "closed"
    assert made.wish(1, at(60), NOTHING, False) is None


def test_outside_its_time_a_plan_says_nothing():
    made = plan((0, LONGEST_MIN, 0, 1))
    for unix_ms, wish in (
        (0, None),
        (BEGIN_S * 1000 - 1, None),
        (BEGIN_S * 1000, "closed"),
        (END_S * 1000 - 1, "closed"),
        (END_S * 1000, None),
        (END_S * 1000 + 86_400_000, None),
    ):
        assert made.wish(0, unix_ms, NOTHING, False) == wish, unix_ms


def test_the_first_row_that_applies_decides():
    made = plan((0, 600, 0, 0, when("frequency <="), 49_800), (0, 600, 0, 1))
    assert made.wish(0, at(1), (None, 49_900, None), False) == "closed"
    assert made.wish(0, at(1), (None, 49_800, None), False) == "open"


def test_a_price_holds_until_the_next_one_and_none_before_the_first():
    made = plan((0, 600, 0, 1, when("price <="), 250), prices=(60, 250, 120, 251, 180, -40))
    wishes = [made.wish(0, at(minute), NOTHING, False) for minute in (59, 60, 119, 120, 179, 180, 599)]
    assert wishes == [None, "closed", "closed", None, None, "closed", "closed"]


def test_every_condition_compares_its_own_quantity_in_its_own_unit():
    for words, threshold, holds, fails in (
        ("price >=", 300, None, None),
        ("export >=", 1500, (-1_500_000, None, None), (-1_499_999, None, None)),
        ("export <=", -200, (200_000, None, None), (199_000, None, None)),
        ("frequency >=", 50_100, (None, 50_100, None), (None, 50_099, None)),
        ("frequency <=", 49_900, (None, 49_900, None), (None, 49_901, None)),
        ("voltage >=", 245_000, (None, None, 245_000), (None, None, 244_999)),
        ("voltage <=", 215_000, (None, None, 215_000), (None, None, 215_001)),
    ):
        made = plan((0, 60, 1, 1, when(words), threshold), prices=(0, 300))
        assert made.wish(1, at(0), holds or NOTHING, False) == "closed", words
        if fails:
            assert made.wish(1, at(0), fails, False) is None, words
            assert made.wish(1, at(0), NOTHING, False) is None, words


def test_every_condition_is_tried_above():
    assert (
        len(NAMES) == CONDITIONS
        and plan((0, 60, 1, 1, when("price >="), 301), prices=(0, 300)).wish(1, at(0), NOTHING, False) is None
    )


def test_the_second_threshold_holds_while_the_contactor_is_closed():
    made = plan((0, 60, 0, 1, when("export >="), 1500, -300))
    surplus, own_load = (-1_600_000, None, None), (200_000, None, None)
    assert made.wish(0, at(1), surplus, False) == "closed"
    assert made.wish(0, at(1), own_load, True) == "closed"
    assert made.wish(0, at(1), own_load, False) is None
    assert made.wish(0, at(1), (301_000, None, None), True) is None


def test_a_document_without_rows_is_no_plan():
    made = Plan.parse(written(begin_s=0, end_s=0), 1)
    assert made.rows == [] and made.wish(0, at(0), NOTHING, False) is None


def test_what_is_no_plan_is_refused_in_words():
    good = (0, 60, 0, 1)
    for body, words in (
        (b"", "cut short"),
        (b"\x01", "format"),
        (b"\x82\x01\x00", "format"),
        (written(good, form=3), "format"),
        (written(form=2), "has a world"),
        (b"\x85\x02\0\0\x80\x01", "has a world"),
        (written(good) + b"\x00", "behind"),
        (written(good, end_s=BEGIN_S - 1), "end after"),
        (written(good, end_s=BEGIN_S + 60 * LONGEST_MIN + 1), "31 days"),
        (written(good, begin_s=-1), "end after"),
        (written(good, begin_s=1 << 38, end_s=1 << 38), "end after"),
        (written(good, begin_s=None), "end after"),
        (written(good, end_s=b"x"), "end after"),
        (written(good, prices=(0,)), "pairs"),
        (written(good, prices=(5, 1, 5, 2)), "order"),
        (written(good, prices=(5, 1, 4, 2)), "order"),
        (written(good, prices=(-1, 1)), "order"),
        (written(good, prices=(0, None)), "order"),
        (written((0, 60, 0)), "4, 6 or 7"),
        (written((0, 60, 0, 1, 0)), "4, 6 or 7"),
        (written((0, 60, 0, 1, 0, 0, 0, 0)), "4, 6 or 7"),
        (written((0, 60, 0, True)), "whole"),
        (written((0, 60, 0, 1, 1, None)), "whole"),
        (written((-1, 60, 0, 1)), "begins"),
        (written((0, 0, 0, 1)), "begins"),
        (written((0, LONGEST_MIN + 1, 0, 1)), "begins"),
        (written((0, 60, 2, 1)), "contactor 2"),
        (written((0, 60, -1, 1)), "contactor -1"),
        (written((0, 60, 0, 2)), "target"),
        (written((0, 60, 0, 1, 9, 0)), "condition 9"),
    ):
        assert words in refused(body), (body, refused(body), words)
    assert refused(written(good)) == "" and refused(written((0, 60, 1, 1)), 1) != ""


def test_no_damaged_document_does_more_than_be_refused():
    body = written((0, 60, 0, 1, 1, 250), (60, 60, 1, 0, 4, 1500, -300), prices=(0, 200, 600, 330))
    plans = 0
    for at_byte in range(len(body)):
        for bit in range(8):
            damaged = bytearray(body)
            damaged[at_byte] ^= 1 << bit
            if not refused(bytes(damaged)):
                plans += 1
                Plan.parse(bytes(damaged), 2).wish(0, at(5), (1, 2, 3), True)
        refused(body[:at_byte])
    assert 0 < plans < 8 * len(body)
