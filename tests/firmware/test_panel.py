"""The panel: a button that takes over, a lamp that tells."""

from gridnode.node.panel import RESET_MS, SETTLE_MS, Panel
from gridnode.switching.contactor import Contactor

SPEC = {
    "name": "heater",
    "min_on_s": 1,
    "min_off_s": 0,
    "max_hold_s": 60,
    "feedback_ms": 200,
    "retry_after_s": 5,
    "retries": 0,
    "retry_window_s": 60,
}


class Button:
    pressed = False


class Bench:
    """A panel of one contactor that was closed at 0, at 10 ms a step."""

    def __init__(self, lamp=None, timeout_s=10):
        self.contactor = Contactor(SPEC, lambda closed: None)
        self.contactor.boot(0)
        self.button = Button()
        self.panel = Panel([self.contactor], self.button, lamp, timeout_s)
        self.now_ms = 0
        self.close()

    def close(self):
        return self.contactor.request("closed", 60_000, self.now_ms)[0]

    def run(self, for_ms, pressed=False):
        self.button.pressed = pressed
        for _ in range(for_ms // 10):
            self.now_ms += 10
            self.panel.step(self.now_ms)
            self.contactor.tick(self.now_ms)
        return self


def test_a_press_opens_as_soon_as_the_shortest_on_time_is_over_and_refuses_the_host():
    bench = Bench().run(500).run(200, pressed=True)
    assert bench.contactor.state == "closed" and bench.panel.local
    bench.run(290)
    assert bench.contactor.state == "closed"
    bench.run(10)
    assert (bench.contactor.state, bench.contactor.cause, bench.now_ms) == ("open", "button", 1_000)
    assert bench.close() == "local control"


def test_a_second_press_ends_local_control():
    bench = Bench().run(1_000).run(200, pressed=True).run(200)
    assert bench.panel.local
    bench.run(200, pressed=True)
    assert bench.panel.local  # it may become a long one
    bench.run(200)
    assert not bench.panel.local and bench.contactor.state == "open"
    assert bench.close() == "none"


def test_local_control_ends_by_itself_counted_from_when_the_button_was_last_held():
    bench = Bench(timeout_s=10).run(1_000).run(2_000, pressed=True)
    bench.run(9_980)
    assert bench.panel.local and bench.close() == "local control"
    bench.run(20)
    assert not bench.panel.local and bench.close() == "none"


def test_a_bouncing_contact_is_no_press():
    bench = Bench().run(1_000)
    for _ in range(20):
        bench.run(SETTLE_MS - 10, pressed=True).run(10)
    assert not bench.panel.local and bench.contactor.state == "closed"


def test_holding_it_ends_a_lock_out_and_nothing_less_does():
    bench = Bench().run(1_000)
    bench.contactor.trip("over-current", 41_000, bench.now_ms)
    assert bench.contactor.state == "locked out"
    bench.run(RESET_MS - 100, pressed=True).run(100)
    assert bench.contactor.state == "locked out"
    bench.run(RESET_MS + 100, pressed=True)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "reset")
    bench.run(100)
    assert bench.panel.local  # this press was for the reset


def lamp(act):
    """(lit, dark) of the lamp in ms over 2 s after `act`."""
    now = [False]

    def drive(lit):
        now[0] = lit

    bench = Bench(drive).run(1_000)
    act(bench)
    bench.run(1_000)
    lit_ms = changes = 0
    for _ in range(200):
        before = now[0]
        bench.run(10)
        lit_ms += 10 * now[0]
        changes += now[0] != before
    return lit_ms, changes


def test_the_lamp_tells_the_states_apart():
    assert lamp(lambda bench: None) == (2_000, 0)  # closed
    assert lamp(lambda bench: bench.contactor.request("open", 0, bench.now_ms)) == (100, 4)
    assert lamp(lambda bench: bench.contactor.trip("over-current", 1, bench.now_ms)) == (1_000, 20)  # locked out
    assert lamp(lambda bench: bench.run(100, pressed=True).run(10)) == (200, 8)  # local control


def test_a_tripped_contactor_blinks_evenly():
    def trip(bench):
        bench.contactor.retries = 1
        bench.contactor._trip_ms = [None]
        bench.contactor.trip("over-current", 1, bench.now_ms)
        assert bench.contactor.state == "tripped"

    assert lamp(trip) == (1_000, 4)


def test_a_board_without_button_or_lamp_has_a_panel_too():
    Panel([], None, None).step(0)
