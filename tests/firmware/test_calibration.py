"""The calibration document's check; also that it fits the wire."""

from gridnode.metering import calibration
from gridnode.wire import WireError, cbor

GOOD = [1, 136, [1200, -3400, 450, -120, 31], [0, -2000000, -30000, 0, 0]]


def refused(document, channels=2):
    try:
        calibration.parse(document, channels)
    except ValueError as error:
        return str(error)
    raise AssertionError("not refused: %r" % (document,))


def changed(place, value):
    gains = list(GOOD[2])
    gains[place] = value
    return [1, 136, gains, list(GOOD[3])]


def test_a_good_one_is_taken():
    assert calibration.parse(GOOD, 2) == (136, [(1200, -3400, 450, -120, 31), (0, -2000000, -30000, 0, 0)])
    assert calibration.parse([1, 0], 0) == (0, [])


def test_it_passes_the_wire():
    buffer = bytearray(128)
    end = cbor.put(buffer, 0, GOOD)
    assert calibration.parse(cbor.decode(bytes(buffer[:end])), 2) == calibration.parse(GOOD, 2)


def test_six_channels_of_the_longest_numbers_fit_a_blob():
    longest = [-200000, -2200000, -30000, -60000, 5000]
    document = [1, 255] + [longest] * 6
    end = cbor.put(bytearray(128), 0, document)
    assert end <= 128
    assert len(calibration.parse(document, 6)[1]) == 6


def test_nominal_is_no_correction():
    assert calibration.parse([1, 0, list(calibration.NOMINAL)], 1) == (0, [(0, 0, 0, 0, 0)])


def test_what_is_no_document_is_refused():
    for document in (None, 1, b"", "1", [], [1], [2, 0], [True, 0], [None, 0], (1, 0)):
        assert "format 1" in refused(document, 0)


def test_a_number_of_channels_that_is_not_the_nodes_is_refused():
    assert "of 2 channels, not of 3" in refused(GOOD, 3)
    assert "of 2 channels, not of 1" in refused(GOOD, 1)


def test_steps_must_be_a_width():
    for steps in (-1, 256, None, True, "1", [1]):
        assert "steps" in refused([1, steps], 0)


def test_the_limits_of_each_number():
    limits = ((0, -200000, 200000), (1, -200000, 200000), (2, -30000, 30000), (3, -60000, 60000), (4, 0, 5000))
    for place, low, high in limits:
        for value in (low, 0, high):
            assert calibration.parse(changed(place, value), 2)[1][0][place] == value
        for value in (low - 1, high + 1, None, True, "0", b"", [0]):
            assert "channel 0" in refused(changed(place, value))


def test_a_transformer_turned_round_has_limits_too():
    for value in (-2200000, -2000000, -1800000):
        assert calibration.parse(changed(1, value), 2)[1][0][1] == value
    for value in (-2200001, -1799999, -600000, 2000000):
        refused(changed(1, value))


def test_five_numbers_for_each_channel():
    for gains in (None, 0, [], [0] * 4, [0] * 6, (0,) * 5):
        assert "channel 1: not five numbers" in refused([1, 0, [0] * 5, gains])


def test_garbage_on_the_wire_is_a_value_error_too():
    assert issubclass(WireError, ValueError)
    for cut in range(5):
        try:
            calibration.parse(cbor.decode(b"\x83\x01\x00\x85\x00"[:cut]), 1)
        except ValueError:
            continue
        raise AssertionError(cut)
