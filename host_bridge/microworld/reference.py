"""The reference interpreter: what a program means, in Python's exact integers. Every backend is compared with it."""

from collections.abc import Mapping, Sequence

from host_bridge.microworld.language.expression import show
from host_bridge.microworld.language.fold import calculate
from host_bridge.microworld.monitor import Monitor, Stepper
from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Expr, Name, Program

__all__ = ["Monitor", "Stepper", "environment", "evaluate", "in_ranges", "step"]


def evaluate(expr: Expr, env: Mapping[str, int]) -> int:
    """What `expr` is where its names are as in `env`. ArithmeticError: it leaves 32 bits or divides by 0."""
    if isinstance(expr, Const):
        return expr.value
    if isinstance(expr, Name):
        return env[expr.name]
    if expr.op == "if":
        return evaluate(expr.args[1] if evaluate(expr.args[0], env) else expr.args[2], env)
    value = calculate(expr.op, tuple(evaluate(arg, env) for arg in expr.args))
    if value is None or not INT_MIN <= value <= INT_MAX:
        raise ArithmeticError(f"{show(expr)} gives {value}")
    return value


def environment(program: Program, state: Sequence[int], inputs: Sequence[int]) -> dict[str, int]:
    """State, inputs, lets and outputs of one tick, by name."""
    env = {quantity.name: value for quantity, value in zip(program.state, state, strict=True)}
    env |= {quantity.name: value for quantity, value in zip(program.inputs, inputs, strict=True)}
    for name, expr in program.lets:
        env[name] = evaluate(expr, env)
    for quantity, expr in zip(program.outputs, program.output, strict=True):
        env[quantity.name] = evaluate(expr, env)
    return env


def step(program: Program, state: Sequence[int], inputs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """One tick: the next state and the outputs. ArithmeticError where 32 bits are left: not after ranges.check."""
    env = environment(program, state, inputs)
    return tuple(evaluate(expr, env) for expr in program.next_state), tuple(env[q.name] for q in program.outputs)


def in_ranges(program: Program, inputs: Sequence[int]) -> str | None:
    """Why a tick must not be run on these inputs: one is out of its range, or an assumption is broken."""
    env = {}
    for quantity, value in zip(program.inputs, inputs, strict=True):
        if not quantity.least <= value <= quantity.greatest:
            unit = "" if quantity.is_bool else " " + quantity.unit if quantity.unit else ""
            return f"{quantity.name} is {value}{unit}, outside {quantity.least} .. {quantity.greatest}{unit}"
        env[quantity.name] = value
    for assumption in program.assumptions:
        if not evaluate(assumption, env):
            return f"assumption broken: {show(assumption)}"
    return None
