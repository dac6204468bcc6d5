"""A Program stepped by NumPy, vectorised over lanes: what one would write who has no compiler. A peer of the bench."""

import numpy as np
from numpy.typing import NDArray

from host_bridge.microworld.program import Const, Expr, Name, Program

_SIMPLE = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative, "abs": np.abs}
_SIMPLE |= {"min": np.minimum, "max": np.maximum, "if": np.where}
_SIMPLE |= {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
_SIMPLE |= {"eq": np.equal, "ne": np.not_equal}
_SIMPLE |= {"and": np.logical_and, "or": np.logical_or, "not": np.logical_not}


def run(program: Program, state: NDArray[np.int32], inputs: NDArray[np.int32], outputs: NDArray[np.int32]) -> None:
    """As wasm's `run`: state [lanes, S] is updated, inputs are [lanes, ticks, I], outputs [lanes, ticks, O]."""
    now = [state[:, k].astype(np.int64) for k in range(len(program.state))]
    for tick in range(inputs.shape[1]):
        env = {each.name: value for each, value in zip(program.state, now, strict=True)}
        env |= {each.name: inputs[:, tick, k].astype(np.int64) for k, each in enumerate(program.inputs)}
        for name, expr in program.lets:
            env[name] = _value(expr, env)
        for k, (output, expr) in enumerate(zip(program.outputs, program.output, strict=True)):
            env[output.name] = outputs[:, tick, k] = _value(expr, env)
        now = [np.broadcast_to(_value(expr, env), len(state)) for expr in program.next_state]
    for k, values in enumerate(now):
        state[:, k] = values


def _value(expr: Expr, env: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    if isinstance(expr, Const):
        return np.int64(expr.value)
    if isinstance(expr, Name):
        return env[expr.name]
    args = [_value(arg, env) for arg in expr.args]
    if expr.op in _SIMPLE:
        return _SIMPLE[expr.op](*args)
    divisor = np.where(args[-1] == 0, 1, args[-1])  # where a guard looks away, both sides are computed all the same
    if expr.op == "mod":
        return np.fmod(args[0], divisor)
    dividend = args[0] * args[1] if expr.op == "muldiv" else args[0]
    return np.abs(dividend) // np.abs(divisor) * np.sign(dividend) * np.sign(divisor)
