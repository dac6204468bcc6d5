"""Modules for tests of the runtime: well-behaved ones and hostile ones, from WAT."""

from wasmtime import wat2wasm

HEAD = '(module (import "env" "memory" (memory 1))'

# One state, one input, one output: the state counts up by the input, and the output is the sum so far.
COUNTER = f"""{HEAD}
(func $run (export "run") (param i32 i32 i32 i32 i32) (local i32 i32 i32)
 block
  (br_if 0 (i32.le_s (local.get 0) (i32.const 0)))
  (br_if 0 (i32.le_s (local.get 1) (i32.const 0)))
  loop
   (local.set 6 (i32.load (local.get 2)))
   (local.set 5 (local.get 1))
   loop
     (local.set 6 (i32.add (local.get 6) (i32.load (local.get 3))))
     (i32.store (local.get 4) (local.get 6))
     (local.set 3 (i32.add (local.get 3) (i32.const 4)))
     (local.set 4 (i32.add (local.get 4) (i32.const 4)))
     (br_if 0 (local.tee 5 (i32.sub (local.get 5) (i32.const 1))))
   end
   (i32.store (local.get 2) (local.get 6))
   (local.set 2 (i32.add (local.get 2) (i32.const 4)))
   (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
  end
 end)
(func (export "step")
  (call $run (i32.const 1) (i32.const 1) (i32.const 16) (i32.const 20) (i32.const 24))))"""

# Bodies of `step`, with the cause of the fault that each ends in.
HOSTILE = {
    "spins": ("(loop br 0)", "fuel"),
    "grows": ("(loop (drop (memory.grow (i32.const 1))) br 0)", "fuel"),
    "gives up": ("unreachable", "trap"),
    "divides by 0": ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "trap"),
    "overflows a quotient": ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "trap"),
    "reads beyond": ("(drop (i32.load (i32.const 65536)))", "memory"),
    "writes beyond": ("(i32.store (i32.const 65533) (i32.const 1))", "memory"),
    "writes below": ("(i32.store (i32.const -4) (i32.const 1))", "memory"),
    "calls itself": ("(call $step)", "stack"),
}


def module(body: str, more: str = "") -> bytes:
    """A module whose `step` is `body`."""
    return wat2wasm(f'{HEAD} {more} (func $step (export "step") {body}))')


def counter() -> bytes:
    return wat2wasm(COUNTER)
