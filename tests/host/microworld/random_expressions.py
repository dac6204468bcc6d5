"""Random expressions, sound or not: for all that must hold of any."""

from hypothesis import strategies as st

from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Name, Op

NUMBERS, BOOLS = ("a", "b", "c"), ("p", "q")
VALUES = st.one_of(st.integers(-5, 5), st.integers(-3000, 3000), st.sampled_from([INT_MIN, INT_MAX, 1 << 16]))


def op(name, *args):
    return st.builds(lambda *parts: Op(name, parts), *args)


def grown(depth):
    """Strategies for expressions of a number and of a bool, at most `depth` operators within each other."""
    number = st.one_of(VALUES.map(Const), st.sampled_from(NUMBERS).map(Name))
    truth = st.one_of(st.sampled_from(BOOLS).map(Name), st.sampled_from([0, 1]).map(Const))
    for _ in range(depth):
        number, truth = wider(number, truth)
    return number, truth


def wider(number, truth):
    """The same with one more operator around."""
    numbers = [number, op("if", truth, number, number), op("neg", number), op("abs", number)]
    numbers += [op(name, number, number) for name in ("add", "sub", "mul", "min", "max", "div", "mod")]
    numbers.append(op("muldiv", number, number, number))
    truths = [truth, op("not", truth), op("and", truth, truth), op("or", truth, truth), op("if", truth, truth, truth)]
    truths += [op(name, number, number) for name in ("lt", "le", "gt", "ge", "eq", "ne")]
    return st.one_of(numbers), st.one_of(truths)


NUMBER, TRUTH = grown(3)
EITHER = st.one_of(NUMBER, TRUTH)
ENVIRONMENT = st.fixed_dictionaries({**dict.fromkeys(NUMBERS, VALUES), **{name: st.integers(0, 1) for name in BOOLS}})
