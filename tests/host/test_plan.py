"""A plan as people write it: what document it becomes, what it says again in words, and every mistake in words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridnode.node.plan import CONDITIONS, Plan
from gridnode.wire import cbor, schema
from host_bridge import plan as plans

ZONE = ZoneInfo("Europe/Berlin")
CONTACTORS = ("heater", "pump")
HEAD = "valid_from = 2026-11-23T00:00:00\nvalid_until = 2026-11-24T00:00:00\n"
BEGIN_S = int(datetime(2026, 11, 22, 23, tzinfo=UTC).timestamp())
WHOLE = f"""
{HEAD}
prices = [[2026-11-23T00:00:00, 0.284], [2026-11-23T13:00:00, -0.0125e1]]
[[row]]
contactor = "pump"
target = "open"
when = "frequency <= 49.8 Hz"
[[row]]
contactor = "heater"
start = 2026-11-23T12:00:00Z
duration = "1h30m"
when = "export >= 1500 W"
until = "export >= -300 W"
[[row]]
contactor = "heater"
when = "price<=0.15"
[[row]]
contactor = "pump"
duration = "45m"
"""


def read(text):
    return cbor.decode(plans.read(text, CONTACTORS, ZONE))


def row(text):
    return read(f'{HEAD}prices = [[2026-11-23T00:00:00, 0.1]]\n[[row]]\ncontactor = "heater"\n{text}')[4]


def test_a_plan_becomes_its_document():
    assert read(WHOLE) == [
        1,
        BEGIN_S,
        BEGIN_S + 86_400,
        [0, 284, 780, -125],
        [0, 1440, 1, 0, 5, 49_800],
        [780, 90, 0, 1, 4, 1500, -300],
        [0, 1440, 0, 1, 1, 150],
        [0, 45, 1, 1],
    ]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("price <= 0.1", [1, 100]),
        ("price >= -1", [2, -1000]),
        ("export <= 0 W", [3, 0]),
        ("export >= 2000 W", [4, 2000]),
        ("frequency <= 49.95 Hz", [5, 49_950]),
        ("frequency >= 50.1Hz", [6, 50_100]),
        ("voltage <= 210 V", [7, 210_000]),
        (" voltage>=253.0 V ", [8, 253_000]),
    ],
)
def test_every_condition_has_its_number_and_the_documents_unit(text, condition):
    assert row(f'when = "{text}"')[4:] == condition
    assert len(plans._CONDITIONS) == CONDITIONS - 1


def test_the_node_reads_it_as_it_was_meant():
    plan = Plan.parse(plans.read(WHOLE, CONTACTORS, ZONE), 2)

    def wish(contactor, hour, power_w=0, is_closed=False, hertz=50.0):
        measured = (power_w * 1000, int(hertz * 1000), 230_000)
        return plan.wish(contactor, (BEGIN_S + int(3600 * hour)) * 1000, measured, is_closed)

    assert [wish(0, hour) for hour in (12, 13, 23.9, 24)] == [None, "closed", "closed", None]
    assert wish(1, 0.5) == "closed" and wish(1, 0.5, hertz=49.8) == "open" and wish(1, 1) is None


def test_what_is_written_is_told_again():
    assert plans.describe(plans.read(WHOLE, CONTACTORS, ZONE), CONTACTORS, ZONE) == [
        "valid from 2026-11-23 00:00 until 2026-11-24 00:00",
        "price 0.284 from 2026-11-23 00:00",
        "price -0.125 from 2026-11-23 13:00",
        "pump open from 2026-11-23 00:00 for 1 d 0 h when frequency <= 49.8 Hz",
        "heater closed from 2026-11-23 13:00 for 1 h 30 min when export >= 1500 W, and then while export >= -300 W",
        "heater closed from 2026-11-23 00:00 for 1 d 0 h when price <= 0.15",
        "pump closed from 2026-11-23 00:00 for 45 min 00 s",
    ]


def test_no_plan_is_a_document_that_every_node_takes():
    assert Plan.parse(plans.empty(), 0).rows == []
    assert plans.describe(plans.empty(), (), ZONE)[0].startswith("no plan")


def test_the_help_shows_a_plan_that_works():
    from host_bridge.cli import _PLAN_FILE

    for text in (_PLAN_FILE.partition("\n")[2], plans.__doc__.partition("\n\n")[2].rpartition("\n\n")[0]):
        lines = "\n".join(line.strip() for line in text.splitlines())
        assert len(read(lines)) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not = [toml", "not TOML"),
        ("valid_from = 2026-11-23T00:00:00", "needs valid_until"),
        (HEAD + "valid = 3", "'valid'"),
        (HEAD + "row = 3", "[[row]]"),
        (HEAD + "[row]\nstart = 3", "[[row]]"),
        (HEAD.replace("24T", "23T"), "after valid_from"),
        (HEAD.replace("-24T", "-31T").replace("11-31", "12-31"), "31 days"),
        ("valid_from = 3\nvalid_until = 4", "without quotes"),
        ('valid_from = "2026-11-23T00:00:00"\nvalid_until = 4', "without quotes"),
        (HEAD + "prices = 3", "prices = [["),
        (HEAD + "prices = [[1, 2, 3]]", "prices = [["),
        (HEAD + "prices = [[2026-11-22T00:00:00, 0.1]]", "before valid_from"),
        (HEAD + "prices = [[2026-11-23T01:00:00, 0.1], [2026-11-23T01:00:00, 0.2]]", "order"),
        (HEAD + "prices = [[2026-11-23T00:00:30, 0.1]]", "whole minutes"),
        (HEAD + "prices = [[2026-11-23T00:00:00, 0.1234]]", "0.001 is the finest"),
        (HEAD + "prices = [[2026-11-23T00:00:00, nan]]", "can hold"),
        (HEAD + "prices = [[2026-11-23T00:00:00, inf]]", "can hold"),
        (HEAD + "prices = [[2026-11-23T00:00:00, 1e9]]", "can hold"),
        (HEAD + "prices = [[2026-11-23T00:00:00, true]]", "no number"),
        (HEAD + '[[row]]\nstart = "x"', "row 1 needs contactor"),
        (HEAD + '[[row]]\ncontactor = "boiler"', "heater, pump"),
        (HEAD + '[[row]]\ncontactor = "heater"\ncolour = 3', "'colour'"),
        (HEAD + '[[row]]\ncontactor = "heater"\ntarget = "reset"', "open or closed"),
        (HEAD + '[[row]]\ncontactor = "heater"\nstart = 2026-11-24T00:00:00', "outside"),
        (HEAD + '[[row]]\ncontactor = "heater"\nduration = "soon"', "not a duration"),
        (HEAD + '[[row]]\ncontactor = "heater"\nduration = 90', "whole minutes"),
        (HEAD + '[[row]]\ncontactor = "heater"\nduration = "0m"', "lasts 1"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "sunny"', "no condition"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "wind >= 3 W"', "no condition"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "export > 3 W"', "no condition"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "export >= 3 kW"', "in W"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "export >= 3"', "in W, not nothing"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "price >= 3 W"', "without a unit"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "export >= 1.5 W"', "1 is the finest"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "export >= 1.5.1 W"', "no number"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "price <= 0.1"', "no prices"),
        (HEAD + '[[row]]\ncontactor = "heater"\nuntil = "export >= 1 W"', "goes with when"),
        (HEAD + '[[row]]\ncontactor = "heater"\nwhen = "export >= 1 W"\nuntil = "export <= 1 W"', "same direction"),
        (HEAD + '[[row]]\ncontactor = "heater"\n' * 30, "fewer rows"),
    ],
)
def test_a_mistake_is_told_in_words(text, words):
    with pytest.raises(plans.PlanError) as error:
        plans.read(text, CONTACTORS, ZONE)
    assert words in str(error.value), str(error.value)


@pytest.mark.parametrize("zone", [None, ZONE])
def test_a_time_that_no_machine_can_reckon_with_is_a_mistake_too(zone):
    for year in ("0001-01-01", "9999-12-31"):
        with pytest.raises(plans.PlanError):
            plans.read(f"valid_from = {year}T00:00:00\nvalid_until = {year}T23:59:59-23:59", CONTACTORS, zone)


@pytest.mark.parametrize("body", [b"", b"\x01", b"\xff" * 20])
def test_a_document_that_is_no_plan_is_told_so(body):
    with pytest.raises(plans.PlanError, match="refuse"):
        plans.describe(body, CONTACTORS, ZONE)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text):
    for wrapped in (text, HEAD + text, HEAD + f'[[row]]\ncontactor = "heater"\nwhen = """{text}"""'):
        try:
            body = plans.read(wrapped, CONTACTORS, ZONE)
        except plans.PlanError:
            continue
        assert len(body) <= schema.BLOB_MAX and Plan.parse(body, 2) is not None
