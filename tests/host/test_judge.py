"""The judge of the demo: it must find what is missing, what is there twice and energy that is wrong."""

import asyncio

import pytest

from gridnode.node.journal import Journal
from gridnode.wire import schema
from host_bridge.model import ClockRecord, NodeEvent, Skipped, Switching
from tests.host.store_kit import reading, running
from tools import judge
from tools.homes import true_energy_mwh, write_profile

START_HOUR, SPEED = 7, 60
HOURS = [(800_000, 0), (1_500_000, 200_000), (600_000, 2_900_000), (900_000, 3_100_000)] * 3  # load and PV, mW
END_MS, EVERY_MS = 300_000, 10_000


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "home.profile"
    write_profile(path, "test home", HOURS)
    return path


def journal(profile, node="home-01", epoch=1, wrong_ppm=0.0, end_ms=END_MS):
    """The readings of a node that metered its profile for `end_ms`: a baseline, then one every EVERY_MS."""
    readings = []
    for sequence, at_ms in enumerate(range(0, end_ms + 1, EVERY_MS)):
        imported, exported = (round(mwh * (1 + wrong_ppm / 1e6)) for mwh in registers(profile, at_ms))
        readings.append(
            reading(
                sequence,
                node,
                epoch,
                node_end_ms=at_ms,
                duration_ms=EVERY_MS if at_ms else 0,
                energy_import_mwh=imported,
                energy_export_mwh=exported,
            )
        )
    return readings


def registers(profile, at_ms):
    return true_energy_mwh(profile, START_HOUR, SPEED, 0, at_ms)


def judged(tmp_path, profile, records, homes=("home-01",)):
    path = tmp_path / "readings.sqlite3"

    async def store():
        async with running(path) as kit:
            for record in records:
                kit.store.add(record)
            await kit.stored(len(records))

    asyncio.run(store())
    return judge.judge(path, dict.fromkeys(homes, (profile, START_HOUR, SPEED)))


def test_all_there_once_and_exact(tmp_path, profile):
    assert min(registers(profile, END_MS)) > 10_000  # it goes both ways
    found = judged(tmp_path, profile, journal(profile))
    error_ppm = found.pop("energy_error_ppm")
    assert found == {"nodes": 1, "readings_stored": 31, "lost": 0, "duplicates": 0}
    assert error_ppm < 50  # registers are whole mWh
    assert judge.is_good({**found, "energy_error_ppm": error_ppm})


def test_a_switching_takes_its_place_in_the_sequence(tmp_path, profile):
    *readings, last = journal(profile)
    switching = Switching("home-01", 1, 30, 0, 5, 5, "open", "boot", 0)
    assert judged(tmp_path, profile, [*readings, switching, last._replace(sequence=31)])["lost"] == 0


@pytest.mark.parametrize("missing", [{0}, {7}, {3, 4, 29}])
def test_what_is_missing_is_counted(tmp_path, profile, missing):
    found = judged(tmp_path, profile, [r for r in journal(profile) if r.sequence not in missing])
    assert found["lost"] == len(missing)
    assert not judge.is_good(found)


def test_one_measurement_under_two_numbers_is_there_twice(tmp_path, profile):
    readings = journal(profile)
    found = judged(tmp_path, profile, [*readings, readings[-1]._replace(sequence=31)])
    assert (found["lost"], found["duplicates"]) == (0, 1)
    assert not judge.is_good(found)


def test_energy_that_is_wrong_is_told_in_ppm(tmp_path, profile):
    found = judged(tmp_path, profile, journal(profile, wrong_ppm=2000))
    assert found["energy_error_ppm"] == pytest.approx(2000, abs=50)
    assert not judge.is_good(found)


def test_what_flowed_while_a_node_started_is_no_error(tmp_path, profile):
    start_ms = 400
    first, *rest = journal(profile)
    late = [registers(profile, start_ms)[way] for way in range(2)]
    counted = [
        r._replace(
            duration_ms=EVERY_MS - (start_ms if r is rest[0] else 0),
            energy_import_mwh=round(r.energy_import_mwh - late[0]),
            energy_export_mwh=round(r.energy_export_mwh - late[1]),
        )
        for r in rest
    ]
    assert judged(tmp_path, profile, [first._replace(duration_ms=0), *counted])["energy_error_ppm"] < 100


def test_import_booked_as_export_does_not_cancel_out(tmp_path, profile):
    first, *rest = journal(profile)
    readings = [first] + [
        r._replace(energy_import_mwh=r.energy_import_mwh + 500, energy_export_mwh=r.energy_export_mwh + 500)
        for r in rest
    ]
    flowed = sum(registers(profile, END_MS))
    assert judged(tmp_path, profile, readings)["energy_error_ppm"] == pytest.approx(1000 / flowed * 1e6, rel=0.01)


def test_every_journal_of_a_node_counts_and_the_worst_home_is_told(tmp_path, profile):
    records = journal(profile) + journal(profile, epoch=2, end_ms=100_000)
    records += journal(profile, "home-02", epoch=3, wrong_ppm=5000)
    found = judged(tmp_path, profile, records, ("home-01", "home-02"))
    assert (found["nodes"], found["lost"]) == (2, 0)
    assert found["energy_error_ppm"] == pytest.approx(5000, abs=50)


def test_a_home_that_was_never_heard_is_no_success(tmp_path, profile):
    found = judged(tmp_path, profile, journal(profile), ("home-01", "home-02"))
    assert (found["nodes"], found["energy_error_ppm"]) == (1, None)
    assert not judge.is_good(found)


def test_commands_are_counted_with_the_words_of_their_refusal():
    commands = [
        {"verdict": "applied", "refusal": None, "detail": ""},
        {"verdict": "refused", "refusal": "hold out of range", "detail": "the hold must be from 1 to 900 s"},
        {"verdict": "unknown", "refusal": None, "detail": "no outcome"},
    ]
    assert judge.of_commands(commands) == {
        "commands_applied": 1,
        "commands_refused": 1,
        "commands_unknown": 1,
        "refusals": ["hold out of range: the hold must be from 1 to 900 s"],
    }


def test_people_get_the_same_figures_in_words():
    figures = {"nodes": 3, "readings_stored": 90, "lost": 1, "duplicates": 2, "energy_error_ppm": 12.5}
    words = judge.in_words({**figures, "commands_applied": 4, "commands_refused": 5, "refusals": ["too soon"]})
    for figure in ("3 nodes", "90 readings", "1 lost", "2 twice", "12.5 ppm", "4 commands", "5 refused", "too soon"):
        assert figure in words


def test_each_boot_replays_anew_and_what_a_power_cut_took_is_no_error(tmp_path, profile):
    first, off_ms = journal(profile, end_ms=100_000), 250_000  # node time goes on in between
    registers_then = first[-1][7:9]
    boot = NodeEvent("home-01", 1, 11, "boot", 0, off_ms, off_ms, 2, 0)
    second = [
        r._replace(
            sequence=12 + r.sequence,
            node_end_ms=off_ms + r.node_end_ms,
            energy_import_mwh=registers_then[0] + r.energy_import_mwh,
            energy_export_mwh=registers_then[1] + r.energy_export_mwh,
        )
        for r in journal(profile, end_ms=100_000)
    ]
    found = judged(tmp_path, profile, [*first, boot, *second])
    assert (found["lost"], found["duplicates"]) == (0, 0)
    assert found["energy_error_ppm"] < 200


def test_clocks_and_sequences_left_free_take_their_places(tmp_path, profile):
    *readings, last = journal(profile)
    free = [Skipped("home-01", 1, number) for number in (31, 32, 34)]
    records = [*readings, ClockRecord("home-01", 1, 30, 5, 6), *free, last._replace(sequence=35)]
    assert judged(tmp_path, profile, records)["lost"] == 1  # 33


def on_flash(folder, readings, epoch=1):
    """The journal of a node that made these readings of two channels; its folder."""
    kept = Journal(str(folder), 2, epoch, EVERY_MS)
    registers = [(0, 0, 0, 0)] * 2
    for r in readings:
        said = [schema.INTERVAL, 0, r.channel, r.node_end_ms, r.duration_ms, *r[7:9], *[None] * 5, None, 0]
        assert kept.append(said) == r.sequence
        registers[r.channel] = *r[7:9], 0, 0
    kept.save(END_MS, registers)
    return folder


def lost_energy(tmp_path, profile, stored, kept, **more):
    judged(tmp_path, profile, stored)
    folder = on_flash(tmp_path / "journal", kept, **more)
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = judge.lost_energy(tmp_path / "readings.sqlite3", {"home-01": folder})
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert found["lost_energy_of_each_mwh"]["home-01"] == found["lost_energy_mwh"]
    return found["lost_energy_mwh"]


def two_channels():
    return [reading(n, channel=n % 2, energy_import_mwh=500 + 7 * n, energy_export_mwh=n) for n in range(20)]


def test_no_energy_is_lost_where_the_registers_are_those_on_the_nodes_flash(tmp_path, profile):
    made = two_channels()
    newer_at_the_node = [*made, reading(20, energy_import_mwh=9000), reading(21, channel=1, energy_import_mwh=9000)]
    assert lost_energy(tmp_path, profile, [r for r in made if r.sequence not in (3, 4)], newer_at_the_node) == 0


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize(("changes", "lost"), [((-5, 0), 5), ((0, 3), 3), ((4, -4), 8)])
def test_lost_energy_is_told_of_each_channel_and_way(tmp_path, profile, channel, changes, lost):
    made = two_channels()
    at = 18 + channel
    bent = made[at]._replace(
        energy_import_mwh=made[at].energy_import_mwh + changes[0],
        energy_export_mwh=made[at].energy_export_mwh + changes[1],
    )
    stored = [*made[:at], bent, *made[at + 1 :]]
    assert lost_energy(tmp_path, profile, stored, made) == lost


def test_a_record_that_the_node_does_not_have_is_no_proof_that_nothing_is_lost(tmp_path, profile):
    made = two_channels()
    assert lost_energy(tmp_path, profile, [*made, reading(20)], made) is None


def test_records_of_another_journal_are_no_proof(tmp_path, profile):
    assert lost_energy(tmp_path, profile, two_channels(), two_channels(), epoch=2) is None


def test_a_home_of_which_nothing_is_stored_is_no_proof(tmp_path, profile):
    judged(tmp_path, profile, two_channels())
    folder = on_flash(tmp_path / "journal", two_channels())
    found = judge.lost_energy(tmp_path / "readings.sqlite3", {"home-01": folder, "home-02": folder})
    assert found == {"lost_energy_mwh": None, "lost_energy_of_each_mwh": {"home-01": 0, "home-02": None}}


BY_RADIO = {
    "energy_error_ppm": 12.0, "lost_energy_mwh": 0, "duplicates": 0, "commands_applied": 2, "commands_unknown": 0,
    "links": {"hops": {"home-01": 1, "home-05": 2}},
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"energy_error_ppm": None},
        {"energy_error_ppm": 1000.0},
        {"lost_energy_mwh": None},
        {"lost_energy_mwh": 1},
        {"duplicates": 1},
        {"commands_applied": 0},
        {"commands_unknown": 1},
        {"links": {"hops": {"home-01": 1, "home-05": 1}}},
    ],
)
def test_by_radio_each_of_these_is_no_success(wrong):
    assert judge.is_good_by_radio(BY_RADIO)
    assert not judge.is_good_by_radio({**BY_RADIO, **wrong})


def test_people_are_told_what_was_lost_by_radio():
    links = {"airtime_s": {"gateway": 1.5, "home-01": 2.0}, "relayed_homes": 2, "packets_on_air": {"sent": 71}}
    figures = {"nodes": 6, "readings_stored": 90, "still_to_come": 7, "refusals": [], "commands_refused": 0} | BY_RADIO
    figures |= {"links": links, "covered_ppm": 987_600, "all_heard_after_s": 118.4}
    words = judge.in_words(figures)
    for figure in (
        "\n  0 mWh lost",
        "98.76 %",
        "118.4 s after power-on",
        "2 of them relayed",
        "71 packets",
        "3.5 s on",
    ):
        assert figure in words
    assert "7 still to come, 0 twice" in words
    assert "unknown mWh lost" in judge.in_words({**figures, "lost_energy_mwh": None})
