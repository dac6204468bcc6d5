"""WebAssembly's binary format, strictly and within bounds: bytes -> Module, or Refused with the reason.

https://webassembly.github.io/spec/core/binary/modules.html . Sections in order and once; the one import env.memory of
one page; no start, elements or data. Custom sections are skipped, and count against the size. A table and globals,
which linkers leave behind, are read and remembered: no instruction that is followed can reach them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from host_bridge.microworld.verify.code import Function, read_function
from host_bridge.microworld.verify.opcodes import I32, I32_CONST, TYPES
from host_bridge.microworld.verify.reader import Reader, Refused

__all__ = ["Function", "Module", "Refused", "decode"]

MAGIC = b"\0asm\1\0\0\0"
MOST_BYTES = 65536
MOST_TYPES, MOST_FUNCTIONS, MOST_PARAMS = 16, 2, 16
REFUSED_SECTIONS = {8: "a start function", 9: "elements of a table", 11: "data", 12: "a count of data"}


@dataclass
class Module:
    """What the bytes hold, as far as it matters."""

    types: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    memory: bool = False
    functions: list[Function] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)  # name -> function
    leftovers: list[str] = field(default_factory=list)  # a table, globals: unused, what a linker leaves behind


def decode(content: bytes) -> Module:
    """The module in `content`. Refused: what is wrong with it, or beyond what is followed."""
    if len(content) > MOST_BYTES:
        raise Refused(f"{len(content)} bytes; at most {MOST_BYTES} are followed")
    if content[: len(MAGIC)] != MAGIC:
        raise Refused("not a WebAssembly module of version 1")
    reader, module, last = Reader(content, len(MAGIC)), Module(), 0
    pending: list[int] = []  # the types of functions whose code is to come
    while reader.more():
        number = reader.byte()
        section = reader.part(reader.unsigned())
        if number == 0:
            section.text()
            continue
        if number in REFUSED_SECTIONS:
            raise Refused(f"it has {REFUSED_SECTIONS[number]}")
        if number > 12:
            raise Refused(f"a section of the unknown kind {number}")
        if number <= last:
            raise Refused(f"section {number} after section {last}")
        last = number
        SECTIONS[number](section, module, pending)
        section.done(f"section {number}")
    if len(module.functions) != len(pending):
        raise Refused(f"{len(pending)} functions are declared, {len(module.functions)} have code")
    if not module.memory:
        raise Refused('the import "env" "memory" is missing')
    return module


def _types(section: Reader, module: Module, pending: list[int]) -> None:
    for _ in range(section.count(MOST_TYPES, "types")):
        if section.byte() != 0x60:
            raise Refused(f"a type that is no function's, before byte {section.at}")
        takes, gives = ([_value_type(section) for _ in range(section.count(n, "values"))] for n in (MOST_PARAMS, 1))
        module.types.append((tuple(takes), tuple(gives)))


def _value_type(section: Reader) -> int:
    kind = section.byte()
    if kind not in TYPES:
        raise Refused(f"a value that is no i32 or i64 (type 0x{kind:02x}) before byte {section.at}")
    return kind


def _imports(section: Reader, module: Module, pending: list[int]) -> None:
    for _ in range(section.count(8, "imports")):
        names = section.text(), section.text()
        kind = section.byte()
        if names != ("env", "memory") or kind != 2 or module.memory:
            raise Refused(f'the import {names[0]!r} {names[1]!r}; only "env" "memory", once, is given')
        least, most = _limits(section, "the memory")
        if least != 1 or (most is not None and most < 1):
            raise Refused(f"it asks for {least} pages of memory; it is given one (link with --initial-memory=65536)")
        module.memory = True


def _limits(section: Reader, what: str) -> tuple[int, int | None]:
    flags = section.byte()
    if flags > 1:
        raise Refused(f"{what} is shared or of 64 bits (0x{flags:02x})")
    least = section.unsigned()
    most = section.unsigned() if flags else None
    if (most is not None and most < least) or max(least, most or 0) > 65536:
        raise Refused(f"the limits of {what} are {least} and {most}")
    return least, most


def _functions(section: Reader, module: Module, pending: list[int]) -> None:
    for _ in range(section.count(MOST_FUNCTIONS, "functions")):
        kind = section.unsigned()
        if kind >= len(module.types):
            raise Refused(f"a function of the missing type {kind}")
        pending.append(kind)


def _tables(section: Reader, module: Module, pending: list[int]) -> None:
    for _ in range(section.count(1, "tables")):
        if section.byte() != 0x70:
            raise Refused("a table of something else than functions")
        least, _ = _limits(section, "the table")
        if least > 1:
            raise Refused(f"a table of {least} entries")
        module.leftovers.append("table")


def _memories(section: Reader, module: Module, pending: list[int]) -> None:
    if section.unsigned():
        raise Refused("it has a memory of its own")


def _globals(section: Reader, module: Module, pending: list[int]) -> None:
    for _ in range(section.count(8, "globals")):
        if section.byte() != I32 or section.byte() > 1 or section.byte() != I32_CONST:
            raise Refused(f"a global that is no plain i32, before byte {section.at}")
        section.signed(32)
        if section.byte() != 0x0B:
            raise Refused(f"a global with a computed start, before byte {section.at}")
        module.leftovers.append("global")


def _exports(section: Reader, module: Module, pending: list[int]) -> None:
    for _ in range(section.count(2, "exports")):
        name, kind, index = section.text(), section.byte(), section.unsigned()
        if kind or name not in ("step", "run") or name in module.exports:
            raise Refused(f"the export {name!r}; only the functions step and run are")
        if index >= len(pending):
            raise Refused(f"the export {name!r} is of the missing function {index}")
        module.exports[name] = index


def _code(section: Reader, module: Module, pending: list[int]) -> None:
    if section.count(MOST_FUNCTIONS, "bodies") != len(pending):
        raise Refused(f"{len(pending)} functions are declared, not as many have code")
    signatures = [module.types[kind] for kind in pending]
    for signature in signatures:
        body = section.part(section.unsigned())
        module.functions.append(read_function(body, signature, signatures))
        body.done("a function")


SECTIONS: dict[int, Callable[[Reader, Module, list[int]], None]] = {
    1: _types,
    2: _imports,
    3: _functions,
    4: _tables,
    5: _memories,
    6: _globals,
    7: _exports,
    10: _code,
}
