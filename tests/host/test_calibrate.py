"""`gridnexus calibrate`: its arithmetic against the node's own meter, and the guided run against a home in memory."""

import io
import json
import math
from types import SimpleNamespace

import pytest
from rich.console import Console

from gridnode.metering import calibration as document_format
from host_bridge.calibrate import Calibrator, Given, arithmetic, command
from host_bridge.calibrate.arithmetic import CalibrationError, Document, Figures, Gains
from host_bridge.calibrate.history import History
from host_bridge.calibrate.steady import Place, Wait, steady
from host_bridge.calibrate.talk import Talk, thousandths
from host_bridge.client import BridgeError
from tests.host.metered_home import CALIBRATION, Home, Load, Sensor

NOMINAL = Gains()
OFF = Sensor(voltage=0.97, current=1.06, early=2.5)  # a divider, a transformer and its phase, as bought


class Run:
    """A calibrator of one home, with scripted answers (None: --yes) and what it has said."""

    def __init__(self, home, path, answers=None, readings=4, longest_s=20):
        self.home = home
        self.answers = None if answers is None else iter(answers)
        self.asked = []
        self.out = io.StringIO()
        self.history = History(path / "calibrations.jsonl")
        talk = Talk(Console(file=self.out, width=160), None if answers is None else self.answer)
        self.calibrator = Calibrator(
            home, "home-1", self.history, talk, Wait(readings, longest_s, home.clock, home.sleep)
        )

    def answer(self, question):
        self.asked.append(question)
        return next(self.answers)

    @property
    def said(self):
        return self.out.getvalue()

    def steps(self):
        return [entry["step"] for entry in self.history.of("home-1")]


def true(load):
    return Figures(load.volts * 1000, load.amperes * 1000, load.watts * 1000)


def kept(home):
    return arithmetic.decode(home.kept, len(home.channels)).channels[0]


def errors(home, load):
    """Shares that the node's newest window is off by, of voltage, current and apparent power."""
    for _ in range(3):
        home.nodes()
    meter = home.channels["grid"].meter
    return (
        meter.voltage_rms_mv / load.volts / 1000 - 1,
        meter.current_rms_ma / load.amperes / 1000 - 1,
        (meter.active_power_mw / 1000 - load.watts) / (load.volts * load.amperes),
    )


def near(values, limit):
    assert all(abs(value) <= limit for value in values), values


# The arithmetic


@pytest.mark.parametrize(
    "gains",
    [Gains(), Gains(30_000, -50_000, 2_500, 3_000, 40), Gains(-9_000, -2_040_000, -12_000, -500, 7)],
)
def test_calibrated_and_uncalibrated_are_inverse(gains):
    raw = Figures(231_000.0, 4_800.0, 800_000.0, 500_000.0)
    assert arithmetic.uncalibrated(arithmetic.calibrated(raw, gains), gains) == pytest.approx(raw)


@pytest.mark.parametrize("gains", [Gains(25_000, -30_000, 3_000, 1_500, 200), Gains(0, -2_010_000, -2_000, -700, 150)])
def test_the_node_corrects_as_the_arithmetic_says(gains):
    home = Home(grid=Sensor(load=Load(230, 4, 40)))
    near(errors(home, home.channels["grid"].sensor.load), 1e-4)
    meter = home.channels["grid"].meter
    raw = Figures(*(float(each) for each in (meter.voltage_rms_mv, meter.current_rms_ma)), meter.active_power_mw,
                  meter.reactive_power_mvar)  # fmt: skip
    assert home.documents.store(CALIBRATION, arithmetic.encode(Document(0, (gains,))))[0] == "none"
    for _ in range(3):
        home.nodes()
    told = (meter.voltage_rms_mv, meter.current_rms_ma, meter.active_power_mw, meter.reactive_power_mvar)
    assert told == pytest.approx(arithmetic.calibrated(raw, gains), rel=2e-4)


def test_documents_pass_their_bytes():
    document = Document(136, (Gains(1, -2, 3, -4, 5), Gains(0, -2_000_000, 0, 0, 0)))
    assert arithmetic.decode(arithmetic.encode(document), 2) == document
    assert arithmetic.decode(b"", 2) == arithmetic.nominal(2)
    assert arithmetic.nominal(1).with_gains(0, Gains(7)) == Document(0, (Gains(7),))
    with pytest.raises(CalibrationError, match="of 2 channels, not of 1"):
        arithmetic.decode(arithmetic.encode(document), 1)
    with pytest.raises(CalibrationError):
        arithmetic.decode(b"\x00garbage", 2)


def solved(sensor, load, present=NOMINAL, reference=None, resistive=False):
    """What `solve` makes of a channel as `sensor`, which tells what a node with `present` corrections would."""
    lag = math.radians(load.lag - sensor.early)
    power = load.volts * load.amperes * sensor.voltage * sensor.current * 1000
    raw = Figures(
        load.volts * sensor.voltage * 1000,
        load.amperes * abs(sensor.current) * 1000,
        power * math.cos(lag),
        power * math.sin(lag),
    )
    told = arithmetic.calibrated(raw, present)
    return arithmetic.solve(told, present, reference or true(load), resistive)


@pytest.mark.parametrize(
    "present", [Gains(), Gains(20_000, 33_000, -1_500, 400, 30), Gains(0, -1_900_000, 5_000, 0, 0)]
)
@pytest.mark.parametrize("lag", [-60, 60, 40, -30])
def test_phase_and_gains_from_voltage_current_and_power(lag, present):
    gains = solved(OFF, Load(230, 5, lag), present._replace(power_offset_mw=0, current_offset_ma=0))
    assert gains.voltage_ppm == pytest.approx(1e6 / 0.97 - 1e6, abs=2)
    assert gains.current_ppm == pytest.approx(1e6 / 1.06 - 1e6, abs=2)
    assert gains.phase_mdeg == pytest.approx(2_500, abs=2)


def test_a_heaters_phase_needs_to_be_known_as_one():
    heater = Load(230, 8, 0)
    assert solved(OFF, heater, resistive=True).phase_mdeg == pytest.approx(2_500, abs=2)
    assert solved(OFF, heater).phase_mdeg == 0  # acos of nearly 1 would be noise
    assert solved(OFF, heater, Gains(phase_mdeg=900)).phase_mdeg == 900


def test_a_reference_that_tells_reactive_power_gives_the_phase_at_any_load():
    for lag in (0, 5, 20, 85, -85, 178):
        load = Load(230, 5, lag)
        power = load.volts * load.amperes * 1000
        reference = true(load)._replace(reactive_mvar=power * math.sin(math.radians(lag)))
        assert solved(OFF, load, reference=reference).phase_mdeg == pytest.approx(2_500, abs=2)


@pytest.mark.parametrize(("lag", "resistive"), [(0, True), (0, False), (60, False), (-45, False), (180, False)])
def test_a_reversed_transformer_is_seen(lag, resistive):
    turned = Sensor(voltage=0.97, current=-1.06, early=2.5)
    gains = solved(turned, Load(230, 5, lag), resistive=resistive)
    assert gains.turned
    assert gains.current_ppm == pytest.approx(-1e6 / 1.06 - 1e6, abs=2)
    if lag == 60 or resistive:
        assert gains.phase_mdeg == pytest.approx(2_500, abs=2)


def test_one_that_was_corrected_and_is_turned_over_by_hand_is_seen_too():
    assert not solved(Sensor(), Load(230, 5, 0), Gains(current_ppm=-2_000_000), resistive=True).turned


def test_what_the_reference_does_not_tell_stays():
    present = Gains(1_000, 2_000, 300, 40, 5)
    load = Load(230, 5, 60)
    assert solved(OFF, load, present, Figures(voltage_mv=230_000.0))[1:] == present[1:]
    current = solved(OFF, load, present, Figures(current_ma=5_000.0))
    assert (current[0], *current[2:]) == (present[0], *present[2:])
    assert current.current_ppm != present.current_ppm


def test_a_meter_without_reactive_power_gets_gains_and_direction():
    told = Figures(48_000.0, 9_900.0, -475_000.0, None)
    gains = arithmetic.solve(told, Gains(), Figures(48_000.0, 10_000.0, 480_000.0), False)
    assert gains == Gains(0, -round(1e6 / 0.99) - 1_000_000)


def test_only_a_power_tells_that_a_transformer_has_been_turned():
    present = Gains(current_ppm=-2_000_000)
    turned = solved(Sensor(current=-1.06), Load(230, 5), present, Figures(current_ma=5_000.0))
    assert turned.current_ppm == pytest.approx(-1e6 / 1.06 - 1e6, abs=2)


def test_a_heater_fed_from_behind_is_export_and_not_a_turned_transformer():
    exports = Load(230, 5, 180)
    assert solved(OFF, exports, resistive=True)[1:3] == pytest.approx((1e6 / 1.06 - 1e6, 2_500), abs=2)


@pytest.mark.parametrize("lag", [0, 40])
@pytest.mark.parametrize("early", [120, -120, 60, -60])
def test_another_phase_is_refused(lag, early):
    with pytest.raises(CalibrationError, match="phase"):
        solved(Sensor(early=early), Load(230, 5, lag), resistive=lag == 0)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (Figures(230_000.0, 5_000.0, 1_300_000.0), "more than its voltage times its current"),
        (Figures(230_000.0, 5_000.0, 900_000.0 * 1.19), "does not fit"),
        (Figures(230_000.0, 400.0, 92_000.0), "too little"),
        (Figures(120_000.0), "beyond what a channel can need"),
        (Figures(None, 9_000.0), "beyond what a channel can need"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(reference, words):
    with pytest.raises(CalibrationError, match=words):
        solved(Sensor(), Load(230, 5, 0), reference=reference)


def test_a_channel_that_measures_nothing_cannot_be_calibrated():
    for reference in (Figures(230_000.0), Figures(None, 5_000.0), Figures(None, None, 1_000_000.0)):
        with pytest.raises(CalibrationError, match="measures no"):
            arithmetic.solve(Figures(None, None, None, None), Gains(), reference, False)


def test_the_noise_floor_counts_anew_from_what_was_taken_off_before():
    hum = Figures(230_000.0, 25.0, -1_200.0, 300.0)
    once = arithmetic.without_load(hum, Gains(5_000, 10_000, 0, 0, 0))
    assert (once.power_offset_mw, once.current_offset_ma) == (1_200, 25)
    again = arithmetic.without_load(arithmetic.calibrated(arithmetic.uncalibrated(hum, Gains()), once), once)
    assert again.power_offset_mw == pytest.approx(1_200 * 1.005 * 1.01, abs=2)
    with pytest.raises(CalibrationError, match="still on"):
        arithmetic.without_load(Figures(230_000.0, 500.0, 0.0, 0.0), Gains())
    with pytest.raises(CalibrationError, match="still on"):
        arithmetic.without_load(Figures(230_000.0, 200.0, 40_000.0, 0.0), Gains())


# Waiting


def waited(home, wait=None, least_ma=0, told=None):
    telling = (lambda share, why: told.append(why)) if told is not None else lambda share, why: None
    return steady(home, [Place("home-1", "grid", least_ma)], wait or Wait(4, 20, home.clock, home.sleep), telling)


def test_steady_readings_are_averaged():
    home = Home(grid=Sensor(load=Load(231, 3, 60)))
    assert waited(home)[0][:3] == pytest.approx(true(Load(231, 3, 60))[:3], rel=1e-3)


@pytest.mark.parametrize("quantity", ["volts", "amperes", "lag"])
def test_a_load_that_moves_is_waited_for_until_it_does_not(quantity):
    home = Home(grid=Sensor(load=Load(230, 5, 30)))
    load, told, first = home.channels["grid"].sensor.load, [], getattr(Load(230, 5, 30), quantity)

    def move():
        if home.now_s < 5:
            setattr(load, quantity, first * (1 + 0.2 * (round(home.now_s * 4) % 2)))

    home.before_look = move
    waited(home, told=told)
    assert home.now_s >= 5.5
    assert any("moves by" in why for why in told)


def test_a_load_that_never_is_steady_is_told_with_the_reason():
    home = Home(grid=Sensor())
    home.before_look = lambda: setattr(home.channels["grid"].sensor.load, "amperes", 4 + home.now_s / 10)
    with pytest.raises(CalibrationError, match=r"no steady readings within 20 s: home-1 grid: the current moves by"):
        waited(home)


def test_too_small_a_load_says_so():
    with pytest.raises(CalibrationError, match="only 0.10 A flow: switch on a load of 0.5 A"):
        waited(Home(grid=Sensor(load=Load(230, 0.1))), least_ma=500)


@pytest.mark.parametrize(("bits", "words"), [(2, "clipped"), (64, "meter silent"), (1 << 20, "0x100000")])
def test_bad_readings_are_no_readings(bits, words):
    home = Home(grid=Sensor())
    home.quality = bits
    with pytest.raises(CalibrationError, match=words):
        waited(home)


def test_what_a_calibration_mends_does_not_stop_it():
    home = Home(grid=Sensor())
    home.quality = 16 | 32
    assert waited(home)[0].voltage_mv == pytest.approx(230_000, rel=1e-3)


def test_a_node_that_goes_away_begins_the_count_anew():
    home = Home(grid=Sensor())
    home.before_look = lambda: setattr(home, "link_state", "stale" if 1 < home.now_s < 4 else "online")
    waited(home, Wait(8, 20, home.clock, home.sleep))
    assert home.now_s >= 4 + 7 * 0.25
    home.before_look = lambda: setattr(home, "link_state", "stale")
    with pytest.raises(CalibrationError, match="the node is stale"):
        waited(home)


def test_one_reading_counts_once_however_often_it_is_seen():
    home = Home(grid=Sensor())
    seen = home.nodes
    home.nodes()
    frozen = seen()
    home.nodes = lambda: frozen
    with pytest.raises(CalibrationError, match="no reading yet"):
        waited(home)


# The run


@pytest.mark.parametrize("lag", [0, 60])
def test_a_script_calibrates_reads_back_and_verifies(tmp_path, lag):
    load = Load(231, 4.8, lag)
    home = Home(grid=Sensor(0.97, 1.06, 2.5, load=load), pool=Sensor())
    run = Run(home, tmp_path)
    assert run.calibrator.calibrate("grid", Given(true(load), resistive=lag == 0)) is True
    near(errors(home, load), 0.001)
    assert arithmetic.decode(home.kept, 2).channels[1] == Gains()  # the other channel is not touched
    assert "Written and read back: version 1" in run.said
    assert "No accuracy class is claimed" in run.said
    assert run.steps() == ["sent", "written", "verified"]
    entry = run.history.of("home-1")[0]
    assert (entry["why"], entry["channel"], entry["reference"]["voltage_mv"]) == ("calibrate", "grid", 231_000)
    # Also at another load, and doing it again changes next to nothing.
    home.channels["grid"].sensor.load = other = Load(229, 1.1, 30)
    near(errors(home, other), 0.001)
    before = kept(home)
    assert run.calibrator.calibrate("grid", Given(true(other)._replace(active_mw=None)))
    assert kept(home).voltage_ppm == pytest.approx(before.voltage_ppm, abs=100)
    assert kept(home).phase_mdeg == before.phase_mdeg


def test_a_reference_meter_on_another_node(tmp_path):
    load = Load(230, 5, 12)
    home = Home(grid=Sensor(1.02, 0.96, -1.5, load=load))
    home.reference.sensor.load = load
    run = Run(home, tmp_path)
    assert run.calibrator.calibrate("grid", Given(meter=Place("home-2", "reference")))
    near(errors(home, load), 0.0005)
    assert kept(home).phase_mdeg == pytest.approx(-1_500, abs=30)


def test_a_reference_meter_with_another_load_is_not_believed(tmp_path):
    home = Home(grid=Sensor(load=Load(230, 5, 0)))
    home.reference.sensor.load = Load(230, 5, 100)
    with pytest.raises(CalibrationError, match="phase"):
        Run(home, tmp_path).calibrator.calibrate("grid", Given(meter=Place("home-2", "reference")))
    assert home.kept == b""


def test_a_reference_meter_that_sees_too_little_is_waited_for(tmp_path):
    home = Home(grid=Sensor())
    home.reference.sensor.load = Load(230, 0.3)
    with pytest.raises(CalibrationError, match="home-2 reference: only 0.30 A flow"):
        Run(home, tmp_path).calibrator.calibrate("grid", Given(meter=Place("home-2", "reference")))


@pytest.mark.parametrize(
    ("meter", "words"),
    [
        (Place("home-1", "grid"), "its own reference"),
        (Place("home-3", "grid"), "no node 'home-3'"),
        (Place("home-2", "roof"), "home-2 has no channel 'roof'; it has: reference"),
    ],
)
def test_a_reference_meter_that_cannot_be_is_not_waited_for(tmp_path, meter, words):
    home = Home(grid=Sensor(0.97))
    with pytest.raises((CalibrationError, BridgeError), match=words):
        Run(home, tmp_path).calibrator.calibrate("grid", Given(meter=meter))
    assert home.now_s == 0 and home.kept == b""


def test_a_person_is_led_through_it(tmp_path):
    load = Load(230.5, 6)
    home = Home(grid=Sensor(0.97, 1.06, 2.5, load=load))
    run = Run(home, tmp_path, ["230.5", "abc", "6", "1383", "y", "y"])
    assert run.calibrator.calibrate("grid", Given())
    assert "write a number other than 0" in run.said
    assert [question.split()[0] for question in run.asked] == ["Reference"] * 4 + ["Is", "Write"]
    assert kept(home).phase_mdeg == pytest.approx(2_500, abs=30)


def test_what_a_person_does_not_know_stays_as_it_is(tmp_path):
    home = Home(grid=Sensor(0.97, 1.06, 2.5, load=Load(230.5, 6)))
    run = Run(home, tmp_path, ["", "6", "", "y"])
    assert run.calibrator.calibrate("grid", Given())
    assert kept(home) == Gains(current_ppm=pytest.approx(1e6 / 1.06 - 1e6, abs=200))
    with pytest.raises(CalibrationError, match="no reference"):
        Run(home, tmp_path, ["", "", ""]).calibrator.calibrate("grid", Given())


def test_no_writes_nothing(tmp_path):
    home = Home(grid=Sensor(0.97))
    for answers in (["no"], [""], ["n"]):
        run = Run(home, tmp_path, answers)
        assert run.calibrator.calibrate("grid", Given(Figures(230_000.0))) is False
        assert "Nothing was written" in run.said
    assert home.kept == b""
    assert run.steps() == []


def test_a_load_that_changes_while_the_reference_is_read_is_refused(tmp_path):
    home = Home(grid=Sensor(load=Load(230, 5)))
    run = Run(home, tmp_path, [])

    def typed(question):
        home.channels["grid"].sensor.load.amperes = 5.2
        return "5"

    run.answer = typed
    run.calibrator._talk._ask = typed
    with pytest.raises(CalibrationError, match="load changed while you read the reference: the current"):
        run.calibrator.calibrate("grid", Given())
    assert home.kept == b""


def test_a_reversed_transformer_is_offered_and_never_corrected_unasked(tmp_path):
    load = Load(230, 5)
    home = Home(grid=Sensor(current=-1.0, load=load))
    given = Given(true(load), resistive=True)
    run = Run(home, tmp_path)
    assert run.calibrator.calibrate("grid", given) is False
    assert "--reversed" in run.said
    assert Run(home, tmp_path, ["n"]).calibrator.calibrate("grid", given) is False
    assert home.kept == b""
    assert Run(home, tmp_path, ["y", "y"]).calibrator.calibrate("grid", given) is True
    near(errors(home, load), 0.001)
    assert home.channels["grid"].meter.active_power_mw > 0
    home.erase()
    assert Run(home, tmp_path).calibrator.calibrate("grid", given._replace(reversed=True)) is True


def test_what_is_right_already_is_not_written(tmp_path):
    load = Load(230, 5)
    home = Home(grid=Sensor(0.97, 1.06, 2.5, load=load))
    run = Run(home, tmp_path)
    told = Figures(*(float(each) for each in waited(home)[0]))
    assert run.calibrator.calibrate("grid", Given(told._replace(active_mw=None, reactive_mvar=None)))
    assert "already" in run.said
    assert home.kept == b""


@pytest.mark.parametrize("fault", ["refuses", "ignores", "garbles"])
def test_a_node_that_does_not_keep_it_is_told(tmp_path, fault):
    home = Home(grid=Sensor(0.97))
    if fault == "refuses":
        home._folder.cleanup()  # so that its flash cannot be written
    setattr(home, fault, True)
    run = Run(home, tmp_path)
    words = {"refuses": "flash fault", "ignores": "keeps something else", "garbles": "garbled"}[fault]
    with pytest.raises((BridgeError, CalibrationError), match=words):
        run.calibrator.calibrate("grid", Given(Figures(230_000.0)))
    assert run.steps() == ["sent"]


def test_readings_that_do_not_agree_afterwards_take_it_back(tmp_path):
    load = Load(230, 5)
    home = Home(grid=Sensor(0.97, load=load))
    run = Run(home, tmp_path)
    assert run.calibrator.calibrate("grid", Given(Figures(230_000.0)))
    first = home.kept
    store = home.store_document

    def spoil(*arguments):
        load.volts = 236.0 if arguments[2] else load.volts  # the reference was of another moment
        return store(*arguments)

    home.store_document = spoil
    assert run.calibrator.calibrate("grid", Given(Figures(229_000.0))) is False
    assert "the voltage is" in run.said and "instead of 229.000" in run.said
    assert home.kept == first
    assert run.steps()[-4:] == ["written", "found wrong", "sent", "undone"]


def test_the_first_calibration_is_undone_to_none(tmp_path):
    home = Home(grid=Sensor(0.97))
    run = Run(home, tmp_path)
    with pytest.raises(CalibrationError, match="nothing to undo"):
        run.calibrator.undo()
    assert run.calibrator.calibrate("grid", Given(Figures(230_000.0)))
    assert run.calibrator.undo() is True
    assert home.kept == b""
    assert "it is not calibrated" in run.said
    assert errors(home, Load())[0] == pytest.approx(-0.03, abs=1e-3)


def test_undo_goes_back_one_version_and_asks_before(tmp_path):
    home = Home(grid=Sensor(0.97))
    run = Run(home, tmp_path)
    assert run.calibrator.calibrate("grid", Given(Figures(230_000.0)))
    first = home.kept
    home.channels["grid"].sensor.load.volts = 232.0
    assert run.calibrator.calibrate("grid", Given(Figures(231_000.0)))
    assert home.kept != first
    assert Run(home, tmp_path, ["n"]).calibrator.undo() is False
    assert home.kept != first
    assert run.calibrator.undo() is True
    assert home.kept == first
    assert run.steps()[-2:] == ["sent", "undone"]
    with pytest.raises(CalibrationError, match="keeps no other calibration"):
        run.calibrator.undo()


def test_the_noise_floor(tmp_path):
    home = Home(grid=Sensor(hum_amperes=0.04, crosstalk_watts=3.0, load=Load(230, 0.0)))
    hum = home.channels["grid"].sensor
    home.before_look = lambda: setattr(hum, "hum_amperes", 0.06 - hum.hum_amperes)  # noise may move: 20 and 40 mA
    run = Run(home, tmp_path)
    assert run.calibrator.without_load("grid") is True
    home.before_look, hum.hum_amperes = lambda: None, 0.03
    for _ in range(3):
        home.nodes()
    meter = home.channels["grid"].meter
    assert meter.current_rms_ma <= 3
    assert abs(meter.active_power_mw) <= 100
    home.channels["grid"].sensor.load = Load(230, 3.0)
    with pytest.raises(CalibrationError, match="still on"):
        run.calibrator.without_load("grid")
    assert Run(home, tmp_path, ["n"]).calibrator.without_load("grid") is False


def test_the_converters_steps(tmp_path):
    home = Home(grid=Sensor())
    run = Run(home, tmp_path)
    assert run.calibrator.steps(136)
    assert document_format.parse([1, 136, [0] * 5], 1)
    assert arithmetic.decode(home.kept, 1) == Document(136, (Gains(),))
    assert "0/16 counts now, 136/16 then" in run.said
    assert "calibrate each of them anew" in run.said


def test_a_calibration_for_other_channels_is_told_and_replaced(tmp_path):
    home = Home(grid=Sensor(0.97))
    home.documents._takers[CALIBRATION] = lambda body: None  # of another firmware
    assert home.documents.store(CALIBRATION, arithmetic.encode(arithmetic.nominal(3)))[0] == "none"
    home.documents._takers[CALIBRATION] = home._take
    run = Run(home, tmp_path)
    assert run.calibrator.calibrate("grid", Given(Figures(230_000.0)))
    assert "of 3 channels, not of 1" in run.said
    assert kept(home).voltage_ppm == pytest.approx(1e6 / 0.97 - 1e6, abs=100)


def test_an_unknown_channel_lists_the_known(tmp_path):
    with pytest.raises(BridgeError, match="no channel 'roof'; it has: grid"):
        Run(Home(grid=Sensor()), tmp_path).calibrator.calibrate("roof", Given(Figures(230_000.0)))


# History and files


def test_a_history_that_cannot_be_kept_stops_it_before_anything_is_written(tmp_path):
    (tmp_path / "file").write_text("")
    home = Home(grid=Sensor(0.97))
    run = Run(home, tmp_path / "file" / "below")
    with pytest.raises(CalibrationError, match="--history FILE"):
        run.calibrator.calibrate("grid", Given(Figures(230_000.0)))
    assert home.kept == b""
    assert home.now_s == 0  # nobody has waited for it


def test_a_torn_line_costs_itself_alone(tmp_path):
    history = History(tmp_path / "calibrations.jsonl")
    history.add({"node": "home-1", "step": "sent"})
    with history.path.open("a") as file:
        file.write('{"node": "home-1", "st')
    history.add({"node": "home-1", "step": "written"})
    history.add({"node": "home-2", "step": "sent"})
    assert [entry["step"] for entry in history.of("home-1")] == ["sent", "written"]
    assert History(tmp_path / "none").of("home-1") == []


def options(**given):
    names = ("channel", "voltage", "current", "power", "reference", "steps", "restore", "export", "history")
    flags = ("resistive", "reversed", "no_load", "undo", "show", "yes")
    options = {**dict.fromkeys(names), **dict.fromkeys(flags, False), "node": "home-1", "readings": 2, "wait": 5}
    return SimpleNamespace(**{**options, **given})


@pytest.fixture
def instant(monkeypatch):
    monkeypatch.setattr(
        "host_bridge.calibrate.command.time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda s: None)
    )


def test_export_and_restore(tmp_path, instant, capsys):
    home, history, console = Home(grid=Sensor(0.97)), tmp_path / "history", Console(file=io.StringIO())
    assert command.run(options(voltage=230_000.0), home, history, console, None)
    first, file = home.kept, tmp_path / "unit.json"
    assert command.run(options(export=str(file)), home, history, console, None)
    content = json.loads(file.read_text())
    assert content["present"]["body"] == first.hex()
    assert [entry["step"] for entry in content["history"]] == ["sent", "written", "verified"]
    home.erase()
    assert command.run(options(restore=file), home, history, console, None)
    assert home.kept == first
    assert command.run(options(export="-"), home, history, console, None)
    assert json.loads(capsys.readouterr().out)["node"] == "home-1"
    file.write_text(json.dumps(content | {"node": "home-2"}))
    with pytest.raises(BridgeError, match="it is of home-2"):
        command.run(options(restore=file), home, history, console, None)
    file.write_text("{}")
    with pytest.raises(BridgeError, match="not written by gridnexus calibrate --export"):
        command.run(options(restore=file), home, history, console, None)


def test_looking_changes_nothing_and_asks_nothing(tmp_path):
    assert not command.changes(options(show=True, channel="grid", voltage=1.0))
    assert not command.changes(options(export="-"))
    for given in ({}, {"channel": "grid"}, {"export": "x", "voltage": 1.0}, {"export": "x", "undo": True}, {"steps": 0},
                  {"export": "x", "restore": tmp_path}, {"export": "x", "no_load": True}):  # fmt: skip
        assert command.changes(options(**given)), given
    home, out = Home(grid=Sensor()), io.StringIO()
    assert command.run(options(show=True), home, tmp_path / "history", Console(file=out), None)
    assert "home-1: not calibrated" in out.getvalue()
    assert not (tmp_path / "history").exists()


def test_the_commands_faults_are_told(tmp_path):
    home, console = Home(grid=Sensor(), pool=Sensor()), Console(file=io.StringIO())
    for given, words in (
        ({"voltage": 230_000.0}, "which channel of home-1. It has: grid, pool"),
        ({"channel": "grid", "reference": "home-2"}, "write NODE:CHANNEL"),
        ({"channel": "grid"}, "no reference"),
    ):
        with pytest.raises(BridgeError, match=words):
            command.run(options(**given), home, tmp_path / "history", console, None)

    def gone(question):
        raise EOFError

    with pytest.raises(BridgeError, match="no answer"):
        command.run(options(undo=True), home, tmp_path / "history", console, gone)


def test_numbers_as_people_type_them():
    assert [thousandths(text) for text in ("230.4", " 5 ", "-1e3")] == [230_400, 5_000, -1_000_000]
    for text in ("", "nan", "inf", "0", "230,4", "5 A"):
        with pytest.raises(ValueError, match="write a number"):
            thousandths(text)
