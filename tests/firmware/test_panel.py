"""The panel: a button that opens, a lamp that tells."""

from gridnode.node.panel import BLINK_MS, Panel
from gridnode.switching.contactor import Contactor


class Button:
    pressed = False


def panel(lamp=None):
    coil = []
    contactor = Contactor("heater", coil.append, 500, 0, 60_000)
    contactor.boot(0)
    button = Button()
    return Panel([contactor], button, lamp), contactor, button, coil


def test_a_held_button_opens_as_soon_as_the_shortest_on_time_is_over():
    here, contactor, button, coil = panel()
    contactor.request("closed", 60_000, 0)
    here.step(100)
    assert contactor.state == "closed"
    button.pressed = True
    here.step(400)
    assert contactor.state == "closed"
    here.step(500)
    assert contactor.state == "open" and contactor.cause == "request"
    assert coil == [False, True, False]


def test_the_lamp_blinks_while_all_is_open_and_stays_lit_while_something_is_closed():
    lit = []
    here, contactor, _, _ = panel(lit.append)
    for now_ms in range(0, 2000, 10):
        here.step(now_ms)
    assert lit == [True, False, True, False]
    contactor.request("closed", 60_000, 2000)
    for now_ms in range(2000 + BLINK_MS, 4000, 10):
        here.step(now_ms)
    assert lit[4:] == [True]


def test_a_board_without_button_or_lamp_has_a_panel_too():
    Panel([], None, None).step(0)
