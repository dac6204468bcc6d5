"""The two transistors between DTR, RTS and EN, IO0."""

from tools.virtual_esp32.reset import BOTH_ASSERTED_S, RISE_S, ResetCircuit


def walk(*steps):
    """(time, dtr, rts) one after the other; how the chip has started by the end, and when."""
    circuit, started = ResetCircuit(), None
    for now, dtr, rts in steps:
        started = circuit.due(now) or started
        circuit.lines(dtr, rts, now)
    end = circuit.next_due
    return circuit.due(end) if end is not None else started


def test_esptools_classic_reset_ends_in_the_loader_also_when_the_lines_change_slowly():
    for slow_s in (0.001, 0.06, 0.2):
        assert walk((0, False, True), (0.1, True, True), (0.1 + slow_s, True, False)) == "download"


def test_esptools_hard_reset_ends_in_the_program():
    assert walk((0, False, True), (0.1, False, False)) == "run"


def test_leaving_the_lines_both_asserted_ends_in_the_program():
    assert walk((0, False, True), (0.1, True, True)) == "run"


def test_opening_and_closing_a_port_resets_nothing():
    circuit = ResetCircuit()
    for dtr, rts in ((True, False), (True, True), (True, False), (False, False)):
        circuit.lines(dtr, rts, 1.0)
        assert not circuit.held and circuit.next_due is None


def test_the_chip_starts_once_and_not_before_en_has_risen():
    circuit = ResetCircuit()
    circuit.lines(False, True, 0)
    assert circuit.held and circuit.due(99) is None
    circuit.lines(False, False, 100)
    assert circuit.due(100 + RISE_S / 2) is None
    assert circuit.due(100 + RISE_S) == "run"
    assert circuit.due(101) is None
    assert BOTH_ASSERTED_S > 0.2  # pyserial's client over a network takes 50 ms and more for a line
