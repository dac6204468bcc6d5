"""A microworld's rule as C, compiled natively: what `bench microworld` holds wasm's speed against, and nothing else.

It is written as one would by hand, from the Program alone: none of wasm.py's sharing and choosing is in it, so that
the ratio tells what wasm costs and the comparison of results is with code of another origin. `step` and `run` take
arrays laid out as wasm's. The compiler is PyPI's ziglang, which is clang with everything that it needs.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from host_bridge.microworld.program import INT_MIN, Const, Expr, Name, Program
from tools.image_sources import NotHad

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "and": "&", "or": "|"}
_INFIX |= {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_HEAD = """\
#include <stdint.h>
static inline int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t greatest(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t magnitude(int32_t a) { return a < 0 ? -a : a; }
static inline int32_t muldiv(int32_t a, int32_t b, int32_t c) { return (int32_t)((int64_t)a * b / c); }
"""
_CALLED = {"min": "least", "max": "greatest", "abs": "magnitude", "muldiv": "muldiv"}
_LOOPS = """\
void run_{name}(int32_t lanes, int32_t ticks, int32_t *restrict state, const int32_t *restrict inputs,
                int32_t *restrict outputs) {{
  for (int32_t lane = 0; lane < lanes; lane++, state += {states}) {{
    int32_t s[{states} + 1];
    for (int k = 0; k < {states}; k++) s[k] = state[k];
    for (int32_t t = 0; t < ticks; t++, inputs += {inputs}, outputs += {outputs}) tick_{name}(s, inputs, outputs);
    for (int k = 0; k < {states}; k++) state[k] = s[k];
  }}
}}
"""


def source(program: Program) -> str:
    """C of `tick_NAME`, which is the rule, and of `run_NAME`, which runs it for lanes of ticks; without its head."""
    names = {each.name: f"s[{at}]" for at, each in enumerate(program.state)}
    names |= {each.name: f"i[{at}]" for at, each in enumerate(program.inputs)}
    arrays = "int32_t *restrict s, const int32_t *restrict i, int32_t *restrict o"
    lines = [f"static inline void tick_{program.name}({arrays}) {{"]
    for at, (name, expr) in enumerate(program.lets):
        lines.append(f"  const int32_t let{at} = {_c(expr, names)};  // {name}")
        names[name] = f"let{at}"
    for at, (output, expr) in enumerate(zip(program.outputs, program.output, strict=True)):
        lines.append(f"  const int32_t o{at} = {_c(expr, names)};  // {output.name}")
        names[output.name] = f"o{at}"
    lines += [f"  const int32_t n{at} = {_c(expr, names)};" for at, expr in enumerate(program.next_state)]
    lines += [f"  o[{at}] = o{at};" for at in range(len(program.outputs))]
    lines += [f"  s[{at}] = n{at};" for at in range(len(program.state))]
    counts = {"states": len(program.state), "inputs": len(program.inputs), "outputs": len(program.outputs)}
    return "\n".join([*lines, "}", _LOOPS.format(name=program.name, **counts)])


class Native:
    """Programs compiled into one shared library in `folder`. Raises NotHad with what the compiler says."""

    def __init__(self, programs: Sequence[Program], folder: Path) -> None:
        code, library = folder / "worlds.c", folder / "worlds.so"
        code.write_text("\n".join([_HEAD, *map(source, programs)]), encoding="utf-8")
        command = [sys.executable, "-m", "ziglang", "cc", "-O3", "-shared", "-fPIC", "-o", str(library), str(code)]
        environ = os.environ | {f"ZIG_{part}_CACHE_DIR": str(folder / "zig") for part in ("LOCAL", "GLOBAL")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        if done.returncode:
            raise NotHad(f"zig cc failed on {code} (pip install ziglang):\n{done.stderr.strip()[-2000:]}")
        self._library = ctypes.CDLL(str(library))

    def run(
        self, name: str, state: NDArray[np.int32], inputs: NDArray[np.int32], outputs: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """As wasm's `run`: state [lanes, S] is updated, inputs are [lanes, ticks, I], outputs [lanes, ticks, O]."""
        lanes, ticks = inputs.shape[:2]
        for array in (state, inputs, outputs):
            if not (array.flags.c_contiguous and array.dtype == np.int32):
                raise ValueError("arrays of int32 in C order are wanted")
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (state, inputs, outputs)]
        self._library[f"run_{name}"](lanes, ticks, *addresses)
        return outputs


def _c(expr: Expr, names: dict[str, str]) -> str:
    if isinstance(expr, Const):
        return "INT32_MIN" if expr.value == INT_MIN else f"({expr.value})"
    if isinstance(expr, Name):
        return names[expr.name]
    args = [_c(arg, names) for arg in expr.args]
    if expr.op in _INFIX:
        return f"({args[0]} {_INFIX[expr.op]} {args[1]})"
    if expr.op == "if":
        return f"({args[0]} ? {args[1]} : {args[2]})"
    if expr.op in _CALLED:
        return f"{_CALLED[expr.op]}({', '.join(args)})"
    return f"({'!' if expr.op == 'not' else '-'}{args[0]})"
