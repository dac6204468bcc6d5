"""Mutated modules: what a fuzzer, a bad disk or an attacker makes of good ones. Seeded."""

from random import Random

from wasmtime import wat2wasm

from host_bridge.microworld import wasm
from tests.host.microworld.programs import random_program
from tests.host.microworld.verify_kit import RIGHT, SUM, valve
from tests.host.microworld.wat_kit import HEAD

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x0B, 0x05, 0x02, 0x03, 0x04, 0x0C, 0x0D, 0x10, 0x20, 0x21, 0x28, 0x36, 0x41)
PLAIN = wat2wasm(f'{HEAD} (func (export "step") {RIGHT}))')


def seeds():
    """(bytes, Program): what is mutated."""
    programs = [SUM, valve(), *(random_program(Random(seed)) for seed in range(3))]
    return [(PLAIN, SUM), *((wasm.compile(program), program) for program in programs)]


def mutant(chance: Random, good: bytes, other: bytes) -> bytes:
    """`good` after one to three accidents."""
    content = bytearray(good)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        content = chance.choice(ACCIDENTS)(chance, content, other) or content
    return bytes(content)


def _at(chance: Random, content: bytearray) -> int:
    """A place; seldom in the first 8 bytes, which are always the same."""
    return chance.randrange(8 if len(content) > 8 and chance.random() < 0.97 else 0, max(1, len(content)))


def flipped(chance, content, other):
    if content:
        content[_at(chance, content) % len(content)] ^= 1 << chance.randrange(8)
    return content


def replaced(chance, content, other):
    if content:
        content[_at(chance, content) % len(content)] = chance.choice(INTERESTING)
    return content


def inserted(chance, content, other):
    at = _at(chance, content)
    content[at:at] = bytes(chance.choice(INTERESTING) for _ in range(chance.choice((1, 1, 2, 5))))
    return content


def deleted(chance, content, other):
    at = _at(chance, content)
    del content[at : at + chance.choice((1, 1, 2, 8))]
    return content


def spliced(chance, content, other):
    return content[: _at(chance, content)] + bytearray(other[_at(chance, bytearray(other)) :])


def padded_number(chance, content, other):
    """A number of LEB128 in more bytes, or one that never ends."""
    at = _at(chance, content)
    if at < len(content):
        content[at : at + 1] = bytes([content[at] | 0x80]) + b"\x80" * chance.choice((0, 3, 9)) + b"\x00"
    return content


def shuffled(chance, content, other):
    """The sections in another order, or one twice or missing."""
    parts, at = [], 8
    while at + 1 < len(content):
        size = (
            content[at + 1]
            if content[at + 1] < 128
            else (content[at + 1] & 127) | content[min(at + 2, len(content) - 1)] << 7
        )
        end = at + 2 + (content[at + 1] >= 128) + size
        parts.append(content[at:end])
        at = end
    if not parts:
        return content
    how = chance.randrange(3)
    if how == 0:
        chance.shuffle(parts)
    elif how == 1:
        parts.insert(chance.randrange(len(parts)), chance.choice(parts))
    else:
        parts.pop(chance.randrange(len(parts)))
    return content[:8] + b"".join(parts)


def resized(chance, content, other):
    """Inside code with the sizes put right, so that the change gets as far as the instructions."""
    at = content.rfind(b"\x0a", 8)
    if at < 0 or at + 2 >= len(content):
        return content
    place = chance.randrange(at + 2, len(content))
    content[place:place] = bytes([chance.choice(INTERESTING)])
    return content


# Bytes that may stand for each other without anything else having to change.
ALIKE = (
    range(0x46, 0x50),  # comparisons
    (0x6A, 0x6B, 0x6C, 0x6D, 0x6F, 0x71, 0x72, 0x73),  # arithmetic
    (0x74, 0x75, 0x76),  # shifts
    (0x21, 0x22),  # local.set and tee
    (0x28, 0x36),  # load and store
    range(20),  # constants, locals, offsets
    range(0x60, 0x7F),  # larger constants' last bytes
)


def swapped(chance, content, other):
    """An operator, a local or a constant for another of its kind."""
    for _ in range(20):
        at = _at(chance, content)
        kinds = [kind for kind in ALIKE if at < len(content) and content[at] in kind]
        if kinds:
            content[at] = chance.choice(chance.choice(kinds))
            break
    return content


ACCIDENTS = (flipped, replaced, inserted, deleted, spliced, padded_number, shuffled, resized, *[swapped] * 6)
