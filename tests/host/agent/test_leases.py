"""What worlds ask of contactors: no more often than needed, never for longer than wanted, never without an answer."""

import pytest

from host_bridge.agent.binding import Target
from host_bridge.agent.leases import Leases
from host_bridge.model import StoreError, Verdict
from tests.host.agent.world_kit import Door, home


class Held:
    def __init__(self, hold_s=60):
        self.now_ms = 0
        self.view = home()
        self.door = Door(self.view)
        self.door.report("open")
        targets = {"close": Target("home", "heater", hold_s)}
        self.leases = Leases(targets, self.door.request, self.door.spawn, lambda: self.now_ms)

    def seconds(self, count, on):
        """So many ticks of a second with the output at `on`."""
        for _ in range(count):
            self.now_ms += 1000
            self.leases.want(None if on is None else {"close": on})
            self.leases.ask({"home": self.view}, "world shed", "because")
            self.door.settle()
        return self.door.asked


def test_closed_is_asked_once_and_renewed_when_half_of_it_is_gone():
    held = Held()
    assert held.seconds(1, 1) == [("heater", "closed", 60)]
    assert held.seconds(29, 1) == [("heater", "closed", 60)]
    assert held.seconds(600, 1) == [("heater", "closed", 60)] * 21


def test_a_renewal_comes_while_the_lease_still_lasts():
    held, asked_at = Held(hold_s=20), []
    for second in range(400):
        if len(held.seconds(1, 1)) > len(asked_at):
            asked_at.append(second)
        assert second - asked_at[-1] <= 10


def test_off_gives_back_once_and_asks_no_more():
    held = Held()
    held.seconds(5, 1)
    held.seconds(30, 0)
    assert held.door.targets == ["closed", "open"]


def test_what_was_never_held_is_not_opened():
    held = Held()
    held.door.report("closed")  # somebody else has
    assert held.seconds(30, 0) == []


def test_saying_nothing_asks_nothing_and_the_lease_ends_by_itself():
    held = Held()
    held.seconds(2, 1)
    assert held.seconds(100, None) == [("heater", "closed", 60)]
    assert held.seconds(5, 0) == [("heater", "closed", 60)]  # it has ended meanwhile: nothing to give back


def test_a_world_that_speaks_again_in_time_gives_back_what_it_held():
    held = Held()
    held.seconds(2, 1)
    held.seconds(20, None)
    held.seconds(1, 0)
    assert held.door.targets == ["closed", "open"]


def test_what_the_node_opened_is_asked_for_again_but_not_at_once():
    held = Held()
    held.seconds(10, 1)
    held.door.report("tripped")
    held.door.ends = Verdict.REFUSED
    held.seconds(1, 1)
    assert held.door.targets == ["closed", "closed"]


def test_a_report_that_lags_is_no_reason_to_ask_again():
    held = Held()
    held.seconds(1, 1)
    held.door.report("open")
    assert len(held.seconds(2, 1)) == 1
    assert len(held.seconds(1, 1)) == 2


def test_a_refusal_waits_longer_each_time():
    held = Held()
    held.door.ends = Verdict.REFUSED
    held.seconds(1000, 1)
    assert len(held.door.asked) == 9  # after 5, 10, 20, 40, 80, 160, 300 and 300 s
    held.door.ends = Verdict.APPLIED
    held.seconds(300, 1)
    assert held.view.contactor_reports[0].state == "closed"


def test_a_dwell_is_waited_for():
    held = Held()
    held.door.ends, held.door.wait_ms = Verdict.REFUSED, 45_000
    assert len(held.seconds(45, 1)) == 1
    assert len(held.seconds(1, 1)) == 2


def test_another_wish_is_asked_for_at_once():
    held = Held()
    held.seconds(5, 1)
    held.door.ends, held.door.wait_ms = Verdict.REFUSED, 200_000
    held.seconds(3, 0)
    held.door.ends = Verdict.APPLIED
    held.seconds(1, 1)
    held.seconds(1, 0)
    assert held.door.targets == ["closed", "open", "open"]


def test_what_may_have_been_applied_is_ours_to_give_back():
    held = Held()
    held.door.ends = Verdict.UNKNOWN
    held.seconds(1, 1)
    held.door.ends = Verdict.APPLIED
    held.seconds(1, 0)
    assert held.door.targets == ["closed", "open"]


def test_one_request_at_a_time():
    held = Held()
    held.door.settle = lambda: None
    held.seconds(20, 1)
    assert len(held.door.waiting) == 1
    for work in held.door.waiting:
        work.close()


def test_a_node_that_cannot_renew_often_is_given_longer_and_never_longer_than_it_may():
    held = Held()
    held.view.least_hold_s = 200
    assert held.seconds(1, 1)[0][2] == 200
    held = Held(hold_s=4000)
    assert held.seconds(1, 1)[0][2] == 600


def test_who_asks_and_why_is_told():
    held = Held()
    held.seconds(1, 1)
    assert (held.door.asked_by, held.door.reason) == ("world shed", "close: because")


def test_an_audit_that_cannot_be_written_is_a_refusal():
    held = Held()

    async def fails(*_, **__):
        held.door.asked.append("tried")
        raise StoreError("disk full")

    held.leases._request = fails
    assert len(held.seconds(5, 1)) == 1
    assert len(held.seconds(1, 1)) == 2


def test_other_outputs_for_the_same_contactor_keep_its_lease():
    held = Held()
    held.seconds(5, 1)
    held.leases.rebind({"shut": Target("home", "heater", 60)})
    held.now_ms += 1000
    held.leases.want({"shut": 1})
    held.leases.ask({"home": held.view}, "", "")
    assert held.door.waiting == []
    held.leases.want({"shut": 0})
    held.leases.ask({"home": held.view}, "", "")
    held.door.settle()
    assert held.door.targets == ["closed", "open"]


@pytest.mark.parametrize("on", [0, 1])
def test_removal_gives_back_what_is_held(on):
    held = Held()
    held.seconds(5, on)
    with pytest.raises(StopIteration):
        held.leases.release("world shed").send(None)
    assert held.door.targets == ["closed", "open"] * on
