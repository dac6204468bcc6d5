"""The ledger over random days: no hour, wherever it begins and however often one boots, holds more than the law."""

from gridnode.link.airtime import FREE, OWN, RELAY, URGENT, Ledger, airtime_us
from gridnode.link.regions import EU868, US915, Plan

HOUR_US = 3_600_000_000
DUTY_PPM = {869525: 100_000, 868300: 10_000, 868900: 1_000}


class Chance:
    """Numbers that look random and are the same on every interpreter."""

    def __init__(self, seed):
        self._state = seed * 2654435761 % (1 << 31) | 1

    def below(self, most):
        for _ in range(2):
            self._state = self._state * 1103515245 % (1 << 31) + 12345
        return (self._state >> 8) % most


def worst_hour_us(sent):
    """The most airtime that any hour holds, of (start, end) in order: such an hour ends where a packet does."""
    worst = 0
    for last in range(len(sent)):
        begin = sent[last][1] - HOUR_US
        held = 0
        for at in range(last, -1, -1):
            start, end = sent[at]
            if end <= begin:
                break
            held += end - max(start, begin)
        worst = max(worst, held)
    return worst


def a_day(seed, khz, boots, hours=4):
    """What a greedy sender puts on air; it boots `boots` times, and its radio begins up to 2 s late."""
    chance = Chance(seed)
    plan = Plan(EU868, channels=(khz,))
    now_ms = 1_000_000 + chance.below(100_000)
    end_ms = now_ms + hours * 3_600_000
    boot_ms = [now_ms + chance.below(hours * 3_600_000) for _ in range(boots)]
    ledger = Ledger(plan, now_ms)
    sent = []
    while now_ms < end_ms:
        if any(at <= now_ms for at in boot_ms):
            boot_ms = [at for at in boot_ms if at > now_ms]
            ledger = Ledger(plan, now_ms)
        sf = 7 + chance.below(4)
        us = airtime_us(20 + chance.below(200), sf, 125, plan.preamble(sf))
        rank = chance.below(3)
        wait_ms = 1 if ledger.refusal(khz, 125, us, 10) else ledger.may(now_ms, khz, us, rank)
        if wait_ms:
            now_ms += wait_ms
            continue
        ledger.spend(now_ms, khz, us, rank)
        start = now_ms * 1000 + chance.below(2_000_000)
        start = max(start, sent[-1][1]) if sent else start
        sent.append((start, start + us))
        now_ms = (start + us) // 1000 + 1
        if chance.below(200) == 0:
            now_ms += chance.below(3_600_000)  # silent for a while: the purse fills
    return sent


def test_no_hour_of_any_day_holds_more_than_the_law():
    for seed, khz in ((1, 869525), (2, 868300), (3, 868900)):
        sent = a_day(seed, khz, 0)
        worst = worst_hour_us(sent)
        limit = DUTY_PPM[khz] * 3600
        assert worst <= limit, (khz, worst, limit)
        assert worst > limit * 3 // 4, (khz, worst, limit)  # and the law's hour is made use of


def test_boots_add_nothing():
    for seed in (4, 5):
        sent = a_day(seed, 868300, 40)
        assert worst_hour_us(sent) <= 36_000_000


def test_a_boot_in_the_middle_of_a_burst():
    # The worst that can be done: a full purse, all of it, boot, all that comes, boot ...
    plan = Plan(EU868)
    now_ms = 600_000
    ledger = Ledger(plan, 0)
    sent = []
    for boot_ms in range(800_000, 6_800_000, 200_000):
        while now_ms < boot_ms:
            wait_ms = ledger.may(now_ms, 869525, 400_000, URGENT)
            if not wait_ms:
                ledger.spend(now_ms, 869525, 400_000, URGENT)
                sent.append((now_ms * 1000, now_ms * 1000 + 400_000))
            now_ms += max(wait_ms, 400)
        now_ms = boot_ms
        ledger = Ledger(plan, now_ms)
    assert 330_000_000 < worst_hour_us(sent) <= 360_000_000


def test_begins_empty_and_soon_has_airtime():
    ledger = Ledger(Plan(EU868), 5_000)
    wait_ms = ledger.may(5_000, 869525, 500_000, URGENT)
    assert 5_000 < wait_ms < 7_000, wait_ms
    assert ledger.may(5_000 + wait_ms - 10, 869525, 500_000, URGENT)
    assert not ledger.may(5_000 + wait_ms, 869525, 500_000, URGENT)


def drain(ledger, now_ms, rank, us=500_000):
    count = 0
    while not ledger.may(now_ms, 869525, us, rank):
        ledger.spend(now_ms, 869525, us, rank)
        count += 1
    return count


def test_strangers_packets_leave_half_and_urgent_ones_have_a_reserve():
    ledger = Ledger(Plan(EU868), 0)
    now_ms = 3_600_000
    relayed = drain(ledger, now_ms, RELAY)
    own = drain(ledger, now_ms, OWN)
    urgent = drain(ledger, now_ms, URGENT)
    assert 40 <= relayed <= 45 and 36 <= own <= 41 and 5 <= urgent <= 6, (relayed, own, urgent)


def test_relays_get_half_of_the_rate_for_ever():
    ledger = Ledger(Plan(EU868), 0)
    drain(ledger, 3_600_000, RELAY)
    relayed = 0
    for now_ms in range(3_600_000, 7_200_000, 500):
        relayed += 500 * drain(ledger, now_ms, RELAY)
    assert 150_000 <= relayed <= 158_000, relayed  # of 315 000 ms that this hour fills in


def test_spending_what_may_not_be_spent_is_an_error():
    ledger = Ledger(Plan(EU868), 0)
    try:
        ledger.spend(1000, 869525, 500_000, URGENT)
    except ValueError as error:
        assert str(error) == "no airtime left"
        return
    raise AssertionError("spent")


def test_a_clock_that_is_put_back_gives_nothing():
    ledger = Ledger(Plan(EU868), 1_000_000)
    drain(ledger, 2_000_000, URGENT)
    for _ in range(5):
        assert ledger.may(1_000_000, 869525, 500_000, URGENT)
        assert ledger.may(2_000_000, 869525, 500_000, URGENT)


def test_refusals_say_why():
    eu, us = Ledger(Plan(EU868), 0), Ledger(Plan(US915, power_dbm=30), 0)
    assert eu.refusal(869525, 125, 500_000, 20) == ""
    assert eu.refusal(868950, 125, 1, 0) == "no channel of 868950 kHz, 125 kHz wide"
    assert eu.refusal(869525, 250, 1, 0) == "no channel of 869525 kHz, 250 kHz wide"
    assert eu.refusal(869525, 125, 1, 21) == "21 dBm, above the 20 dBm of this band and antenna"
    assert us.refusal(903000, 500, 400_000, 30) == ""
    assert us.refusal(903000, 500, 401_000, 30) == "401 ms on air, above the dwell of 400 ms"
    rare = Ledger(Plan(EU868, channels=(868900,)), 0)
    assert rare.refusal(868900, 125, 500_000, 10) == "500 ms on air, above what this band gives at a time"
    assert rare.refusal(868900, 125, 400_000, 10) == ""


def test_what_is_never_refused_may_go_one_day():
    for khz in DUTY_PPM:
        ledger = Ledger(Plan(EU868, channels=(khz,)), 0)
        for rank in (URGENT, OWN):
            us = DUTY_PPM[khz] * 448
            assert not ledger.refusal(khz, 125, us, 5)
            assert not ledger.may(10_000_000, khz, us, rank)


def test_without_a_duty_limit_one_may_always_send():
    ledger = Ledger(Plan(US915), 0)
    now_ms = 0
    for _ in range(20_000):
        assert not ledger.may(now_ms, 903000, 390_000, OWN)
        ledger.spend(now_ms, 903000, 390_000, OWN)
        now_ms += 395


def test_figures():
    ledger = Ledger(Plan(EU868, channels=(869525, 868300)), 0)
    rows = {row[0]: row for row in ledger.figures(0)}
    low, high, spent, limit, next_ms = rows[869400]
    assert (low, high, spent, limit) == (869400, 869650, 0, 100_000) and next_ms > 10_000
    assert rows[868000][3] == 10_000 and rows[868000][4] > 2 * next_ms
    for _ in range(36):
        ledger.spend(3_600_000, 869525, 999_999, URGENT)
    assert {row[0]: row for row in ledger.figures(3_600_001)}[869400][2] == 10_000  # 36 s of 3600
    assert {row[0]: row for row in ledger.figures(7_100_000)}[869400][2] == 10_000
    assert {row[0]: row for row in ledger.figures(7_200_001)}[869400][2] == 0
    assert Ledger(Plan(US915), 0).figures(0)[0][3] == FREE
