"""A microworld's bytecode: what each operation gives at its ends, what a tick changes, and what is no code."""

from worlds import ADD, AND, DIV, EQ, IF, KEEP_5, LE, LT, MAX, MIN, MOD, MUL, MULDIV, NE, OR, SUB, code

from gridnode.world.vm import BROKEN, OUT_OF_RANGE, RAN, World

LEAST, MOST = -(1 << 31), (1 << 31) - 1
ENDS = (LEAST, LEAST + 1, -65536, -3, -1, 0, 1, 2, 7, 65535, 65536, 1 << 30, MOST)


def wrapped(value):
    return (value - LEAST) % (1 << 32) + LEAST


def quotient(a, b):
    if b == 0:
        return 0
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


WANTED = {
    ADD: lambda a, b, c: a + b,
    SUB: lambda a, b, c: a - b,
    MUL: lambda a, b, c: a * b,
    DIV: lambda a, b, c: quotient(a, b),
    MOD: lambda a, b, c: a - b * quotient(a, b),
    MULDIV: lambda a, b, c: quotient(a * b, c),
    MIN: lambda a, b, c: min(a, b),
    MAX: lambda a, b, c: max(a, b),
    LT: lambda a, b, c: a < b,
    LE: lambda a, b, c: a <= b,
    EQ: lambda a, b, c: a == b,
    NE: lambda a, b, c: a != b,
    AND: lambda a, b, c: a & b,
    OR: lambda a, b, c: a | b,
    IF: lambda a, b, c: b if a else c,
}


def refused(body):
    try:
        World(body)
    except ValueError:
        return True
    return False


def test_every_operation_is_exact_in_32_bits_at_every_end():
    tried = 0
    for op in sorted(WANTED):
        takes = (0, 1, 2) if op in (MULDIV, IF) else (0, 1)
        world = World(code((op,) + takes, starts=[0, 0, 0], outputs=[3], after=[0, 1, 2]))
        for a in ENDS:
            for b in ENDS:
                for c in ENDS if len(takes) == 3 else (0,):
                    world.values[0], world.values[1], world.values[2] = a, b, c
                    assert world.try_out() == RAN
                    wanted = wrapped(int(WANTED[op](a, b, c)))
                    assert world.output(0) == wanted, (op, a, b, c, world.output(0), wanted)
                    tried += 1
    assert tried == 13 * len(ENDS) ** 2 + 2 * len(ENDS) ** 3


def test_a_tick_takes_all_next_states_at_once():
    world = World(code((ADD, 0, 1), starts=[1, 1], outputs=[2], after=[1, 2]))  # Fibonacci
    told = []
    for _ in range(44):
        assert world.tick() == RAN
        told.append(world.output(0))
    assert told[:6] == [2, 3, 5, 8, 13, 21] and told[-1] == 1_836_311_903
    world.tick()
    assert world.output(0) == wrapped(2_971_215_073)


def test_what_is_tried_out_changes_nothing():
    world, other = World(KEEP_5), World(KEEP_5)
    for asked in (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1):
        for tried in (1, 0, 1):
            world.values[1] = tried
            world.try_out()
        world.values[1] = other.values[1] = asked
        assert world.tick() == other.tick() == RAN
        assert world.record() == other.record() and world.output(0) == other.output(0)


def test_an_input_outside_its_range_is_not_run():
    for least, greatest in ((-5, 7), (LEAST, LEAST), (MOST, MOST), (0, 0), (LEAST, MOST), (1 << 30, MOST)):
        world = World(code((ADD, 0, 2), starts=[40], ranges=[(least, greatest)], outputs=[1], after=[3], constants=[1]))
        for value in ENDS + (-6, -5, 7, 8):
            world.values[1] = value
            assert world.tick() == (RAN if least <= value <= greatest else OUT_OF_RANGE), (least, greatest, value)
    world = World(code((ADD, 0, 2), starts=[40], ranges=[(0, 1)], outputs=[3], after=[3], constants=[1]))
    for value, outcome, state in ((1, RAN, 40), (2, OUT_OF_RANGE, 41), (-1, OUT_OF_RANGE, 41), (0, RAN, 41)):
        world.values[1] = value
        assert (world.tick(), world.values[0]) == (outcome, state)


def test_a_broken_assumption_is_not_run():
    world = World(code((LT, 1, 2), starts=[3], ranges=[(0, 9)], outputs=[1], after=[1], constants=[5], holds=3))
    world.values[1] = 4
    assert world.tick() == RAN
    world.values[1] = 5
    assert world.tick() == BROKEN and world.values[0] == 4
    world.values[1] = 1
    assert world.tick() == RAN and world.values[0] == 4 and world.output(0) == 1


def test_the_record_is_that_of_a_module():
    world = World(code((SUB, 0, 1), starts=[-2], ranges=[(-9, 1 << 30)], outputs=[2, 0], after=[2]))
    world.values[1] = 1 << 30
    world.tick()
    assert world.record() == b"\xfe\xff\xff\xff\x00\x00\x00\x40\xfe\xff\xff\xbf\xfe\xff\xff\xff"
    world.tick()
    assert world.record()[:4] == b"\xfe\xff\xff\xbf"


def test_what_is_no_code_is_refused():
    assert not refused(KEEP_5)
    assert refused(b"") and refused(b"\x02" + KEEP_5[1:]) and refused(KEEP_5 + b"\x00")
    for size in range(len(KEEP_5)):
        assert refused(KEEP_5[:size]), size
    for body in (
        code((IF + 1, 0, 0, 0), starts=[1], after=[0]),
        code((ADD, 0, 1), starts=[1], after=[0]),  # itself
        code((ADD, 0, 2), (ADD, 0, 0), starts=[1], after=[0]),  # a later one
        code((MULDIV, 0, 0, 1), starts=[1], after=[0]),
        code(starts=[1], after=[1]),
        code(starts=[1], after=[0], outputs=[1]),
        code(starts=[1], after=[0], holds=1),
        code(starts=[1], after=[0], tick_s=0),
        code(starts=[1], after=[0], tick_s=86_401),
        code(starts=[1 << 31], after=[0]),
        code(starts=[-(1 << 31) - 1], after=[0]),
        code(ranges=[(0, 1 << 31)]),
        code(ranges=[(MOST, 1 << 31)]),
        code(constants=range(255), starts=[0], after=[0]),
        b"\x01\x01\x00\x00\x00\x00\x01\xff\x00\x80\x80\x80\x80\x80\x00",  # a number of six bytes
        b"\x01\x01\x00\x00\x00\x00\x01\xff\x00\x80\x80\x80\x80\x10",  # 2^32
    ):
        assert refused(body), body
    assert not refused(code(constants=range(254), starts=[0], after=[0]))
    assert not refused(code(starts=[LEAST], ranges=[(LEAST, MOST)], after=[0], tick_s=86_400))


def test_no_bytes_do_more_than_be_refused():
    seed, worlds = 1, 0
    for turn in range(3000):
        body = bytearray(KEEP_5)
        for _ in range(1 + turn % 3):
            seed = (seed * 1_103_515_245 + 12_345) & 0x3FFFFFFF
            body[(seed >> 8) % len(body)] = seed >> 16 & (255 if turn & 1 else 11)
        if turn % 5 == 0:
            body = body[: (seed >> 9) % len(body)]
        try:
            world = World(bytes(body))
        except ValueError:
            continue
        worlds += 1
        for _ in range(3):
            world.tick()
            world.record()
    assert 200 < worlds < 3000, worlds
