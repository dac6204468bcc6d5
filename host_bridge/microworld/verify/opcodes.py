"""The instructions of WebAssembly that the verifier follows: integers, choices and forward branches.

https://webassembly.github.io/spec/core/binary/instructions.html ; what is not named here is refused.
"""

from collections.abc import Container

I32, I64 = 0x7F, 0x7E
TYPES = {I32: "i32", I64: "i64"}
EMPTY = 0x40  # the type of a block without a result

UNREACHABLE, NOP, BLOCK, LOOP, IF, ELSE, END = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0B
BR, BR_IF, RETURN, CALL = 0x0C, 0x0D, 0x0F, 0x10
DROP, SELECT, TYPED_SELECT = 0x1A, 0x1B, 0x1C
LOCAL_GET, LOCAL_SET, LOCAL_TEE = 0x20, 0x21, 0x22
I32_CONST, I64_CONST = 0x41, 0x42
I32_LOAD, I32_STORE = 0x28, 0x36

# Loads and stores: name, type on the stack, bytes in memory.
LOADS = {
    0x28: ("i32.load", I32, 4),
    0x29: ("i64.load", I64, 8),
    0x2C: ("i32.load8_s", I32, 1),
    0x2D: ("i32.load8_u", I32, 1),
    0x2E: ("i32.load16_s", I32, 2),
    0x2F: ("i32.load16_u", I32, 2),
    0x34: ("i64.load32_s", I64, 4),
    0x35: ("i64.load32_u", I64, 4),
}
STORES = {0x36: ("i32.store", I32, 4), 0x37: ("i64.store", I64, 8), 0x3E: ("i64.store32", I64, 4)}

_COMPARED = ("eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u")
_COMPUTED = ("add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s", "shr_u")

# opcode -> (name, types it takes, type it gives)
NUMERIC: dict[int, tuple[str, tuple[int, ...], int]] = {
    0x45: ("i32.eqz", (I32,), I32),
    0x50: ("i64.eqz", (I64,), I32),
    0xA7: ("i32.wrap_i64", (I64,), I32),
    0xAC: ("i64.extend_i32_s", (I32,), I64),
    0xAD: ("i64.extend_i32_u", (I32,), I64),
    0xC0: ("i32.extend8_s", (I32,), I32),
    0xC1: ("i32.extend16_s", (I32,), I32),
    0xC2: ("i64.extend8_s", (I64,), I64),
    0xC3: ("i64.extend16_s", (I64,), I64),
    0xC4: ("i64.extend32_s", (I64,), I64),
}
NUMERIC |= {0x46 + i: (f"i32.{name}", (I32, I32), I32) for i, name in enumerate(_COMPARED)}
NUMERIC |= {0x51 + i: (f"i64.{name}", (I64, I64), I32) for i, name in enumerate(_COMPARED)}
NUMERIC |= {0x6A + i: (f"i32.{name}", (I32, I32), I32) for i, name in enumerate(_COMPUTED)}
NUMERIC |= {0x7C + i: (f"i64.{name}", (I64, I64), I64) for i, name in enumerate(_COMPUTED)}

# What wasmtime charges no fuel for; everything else costs 1, and so does entering a function (measured in the tests).
FREE = frozenset({NOP, DROP, BLOCK, LOOP, UNREACHABLE, RETURN, ELSE, END})

# Why some that compilers like to emit are not followed.
KNOWN = {
    0x0E: "br_table (a jump table)",
    0x11: "call_indirect",
    0x23: "global.get",
    0x24: "global.set",
    0x3F: "memory.size",
    0x40: "memory.grow",
    0x67: "i32.clz",
    0x68: "i32.ctz",
    0x69: "i32.popcnt",
    0x77: "i32.rotl",
    0x78: "i32.rotr",
    0xFC: "an instruction of bulk memory or of saturating floats",
    0xFD: "a vector instruction",
    0xFE: "an atomic instruction",
}
FLOATS: tuple[Container[int], ...] = (
    (0x2A, 0x2B, 0x38, 0x39, 0x43, 0x44),
    range(0x5B, 0x67),
    range(0x8B, 0xA7),
    range(0xA8, 0xAC),
    range(0xAE, 0xC0),
)


def called(opcode: int) -> str:
    """What to call an instruction that is refused."""
    floats = (
        {0x2A, 0x2B, 0x38, 0x39, 0x43, 0x44} | set(range(0x5B, 0x67)) | set(range(0x8B, 0xA7)) | set(range(0xA8, 0xAC))
    )
    if opcode in floats or 0xAE <= opcode <= 0xBF:
        return f"a floating-point instruction (0x{opcode:02x})"
    return KNOWN.get(opcode, f"instruction 0x{opcode:02x}")
