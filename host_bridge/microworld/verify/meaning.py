"""What loop-free code means: its instructions carried out on terms, all paths at once.

Where paths meet, what they left is joined by the condition that decides between them, so the terms stay as small as
the code. Local variables without a value yet are None: reading one is refused. Traps are collected with the condition
under which they happen, to be proved impossible.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from host_bridge.microworld.verify import opcodes as op
from host_bridge.microworld.verify.arithmetic import Arithmetic
from host_bridge.microworld.verify.code import Instruction
from host_bridge.microworld.verify.narrow import narrowed
from host_bridge.microworld.verify.reader import Refused
from host_bridge.microworld.verify.term import Bounds, Term, times
from host_bridge.microworld.verify.terms import Terms

Words = dict[int, Term | None]  # the record: address -> what its 4 bytes hold; None: not for reading


@dataclass(slots=True)
class Reached:
    """What a path holds where it is. `fuel`: at most what it has cost so far."""

    locals: list[Term | None]
    stack: list[Term]
    words: Words
    fuel: int = 0

    def copy(self) -> "Reached":
        """One to go on from, with this left as it is."""
        return replace(self, locals=list(self.locals), stack=list(self.stack), words=dict(self.words))


class Label(NamedTuple):
    """Where a branch may go: how high the stack is there, and whether it carries a value."""

    base: int
    carries: bool


class Exit(NamedTuple):
    """A branch that is taken `when`, out of `depth` blocks."""

    depth: int
    when: Term
    reached: Reached


class Machine:
    """Carries out code on terms."""

    def __init__(self, terms: Terms):
        self.terms = terms
        self.arithmetic = Arithmetic(terms, self.within, self.trap)
        self.path: tuple[Term, ...] = ()  # what holds where we are
        self.traps: list[tuple[Term, str]] = []

    def function(self, body: tuple[Instruction, ...], start: Reached, result: bool = False) -> Reached:
        """Where `body` ends, from `start`. Refused: it does not end, or cannot be followed."""
        fall, _, exits = self._sequence(body, start, (Label(0, result),))
        joined = self._joined(fall, exits)
        if joined is None:
            raise Refused("no way through the code: it always traps")
        return joined

    def trap(self, when: Term, why: str) -> None:
        """Here it traps `when`."""
        if (here := self.terms.and_(*self.path, when)) is not self.terms.false:
            self.traps.append((here, why))

    def within(self, term: Term, deep: int = 3) -> Bounds:
        """The interval of `term` where we are."""
        low, high = term.low, term.high
        for condition in self.path:
            least, most = narrowed(condition, True, term)
            low, high = max(low, least), min(high, most)
        if deep and term.op == "sum":
            ends = [self.within(part, deep - 1) for part in term.args]
            parts = [(times(f, a), times(f, b)) for f, (a, b) in zip(term.value[0], ends, strict=True)]
            constant = term.value[1]
            low = max(low, constant + sum(min(p) for p in parts))
            high = min(high, constant + sum(max(p) for p in parts))
        elif deep and term.op == "mul":
            (a, b), (c, d) = (self.within(factor, deep - 1) for factor in term.args)
            corners = [times(x, y) for x in (a, b) for y in (c, d)]
            low, high = max(low, min(corners)), min(high, max(corners))
        return low, high

    def _sequence(
        self, body: tuple[Instruction, ...], reached: Reached, labels: tuple[Label, ...]
    ) -> tuple[Reached | None, Term, list[Exit]]:
        """Where it falls through (None: never), whether it has not left by then, and how else it leaves."""
        outer, alive, exits = self.path, self.terms.true, list[Exit]()
        now: Reached | None = reached
        for instruction in body:
            if now is None:
                break
            now.fuel += instruction.opcode not in op.FREE
            if instruction.opcode in (op.BLOCK, op.IF):
                now, found = self._nested(instruction, now, labels)
            else:
                now, found = self._single(instruction, now, labels)
            exits += [Exit(e.depth, self.terms.and_(alive, e.when), e.reached) for e in found]
            if found:
                stays = self.terms.not_(self.terms.or_(*(e.when for e in found)))
                alive = self.terms.and_(alive, stays)
                self.path = (*self.path, stays)
                if stays is self.terms.false:
                    now = None
        self.path = outer
        return now, alive, exits

    def _nested(
        self, instruction: Instruction, now: Reached, labels: tuple[Label, ...]
    ) -> tuple[Reached | None, list[Exit]]:
        if instruction.opcode == op.BLOCK:
            inside = (*labels, Label(len(now.stack), instruction.result is not None))
            return self._left(*self._sequence(instruction.body, now, inside))
        condition = self.terms.truth(now.stack.pop())
        inside = (*labels, Label(len(now.stack), instruction.result is not None))
        ends: list[Reached | None] = []
        further: list[Exit] = []
        arms = ((condition, instruction.body), (self.terms.not_(condition), instruction.otherwise or ()))
        for taken, body in arms:
            if taken is self.terms.false:
                ends.append(None)
                continue
            outer, self.path = self.path, (*self.path, taken)
            end, exits = self._left(*self._sequence(body, now.copy(), inside))
            self.path = outer
            ends.append(end)
            further += [Exit(e.depth, self.terms.and_(taken, e.when), e.reached) for e in exits]
        if ends[0] is None or ends[1] is None:
            return ends[0] or ends[1], further
        return self._blend(condition, ends[0], ends[1]), further

    def _left(self, fall: Reached | None, alive: Term, exits: list[Exit]) -> tuple[Reached | None, list[Exit]]:
        """Where a block ends, and the branches that go further out."""
        further = [Exit(e.depth - 1, e.when, e.reached) for e in exits if e.depth]
        return self._joined(fall, [e for e in exits if not e.depth]), further

    def _joined(self, fall: Reached | None, exits: list[Exit]) -> Reached | None:
        for leaves in reversed(exits):
            fall = leaves.reached if fall is None else self._blend(leaves.when, leaves.reached, fall)
        return fall

    def _blend(self, when: Term, a: Reached, b: Reached) -> Reached:
        def pick(x: Term | None, y: Term | None) -> Term | None:
            return None if x is None or y is None else self.terms.ite(when, x, y)

        return Reached(
            [pick(x, y) for x, y in zip(a.locals, b.locals, strict=True)],
            [self.terms.ite(when, x, y) for x, y in zip(a.stack, b.stack, strict=True)],
            {address: pick(a.words[address], b.words[address]) for address in a.words},
            max(a.fuel, b.fuel),
        )

    def _single(
        self, instruction: Instruction, now: Reached, labels: tuple[Label, ...]
    ) -> tuple[Reached | None, list[Exit]]:
        stack, opcode = now.stack, instruction.opcode
        if opcode in op.NUMERIC:
            name, takes, _ = op.NUMERIC[opcode]
            args = [stack.pop() for _ in takes][::-1]
            stack.append(self.arithmetic.apply(name, args))
        elif opcode in (op.LOCAL_GET, op.LOCAL_SET, op.LOCAL_TEE):
            self._local(instruction, now)
        elif opcode in (op.I32_CONST, op.I64_CONST):
            stack.append(self.terms.const(instruction.value))
        elif opcode == op.SELECT:
            condition, second, first = self.terms.truth(stack.pop()), stack.pop(), stack.pop()
            stack.append(self.terms.ite(condition, first, second))
        elif opcode == op.DROP:
            stack.pop()
        elif opcode in op.LOADS or opcode in op.STORES:
            self._memory(instruction, now)
        elif opcode == op.UNREACHABLE:
            self.trap(self.terms.true, "an `unreachable`")
            return None, []
        elif opcode in (op.BR, op.BR_IF, op.RETURN):
            return self._branch(instruction, now, labels)
        elif opcode != op.NOP:
            raise Refused("a loop" if opcode == op.LOOP else "a call" if opcode == op.CALL else op.called(opcode))
        return now, []

    def _branch(
        self, instruction: Instruction, now: Reached, labels: tuple[Label, ...]
    ) -> tuple[Reached | None, list[Exit]]:
        depth = len(labels) - 1 if instruction.opcode == op.RETURN else instruction.value
        conditional = instruction.opcode == op.BR_IF
        when = self.terms.truth(now.stack.pop()) if conditional else self.terms.true
        if when is self.terms.false:
            return now, []
        label, there = labels[-1 - depth], now.copy()
        there.stack[label.base :] = there.stack[-1:] if label.carries else []
        return now if conditional else None, [Exit(depth, when, there)]

    def _local(self, instruction: Instruction, now: Reached) -> None:
        if instruction.opcode == op.LOCAL_GET:
            value = now.locals[instruction.value]
            if value is None:
                raise Refused(f"local {instruction.value} is read before it has a value on every path")
            now.stack.append(value)
            return
        now.locals[instruction.value] = now.stack[-1]
        if instruction.opcode == op.LOCAL_SET:
            now.stack.pop()

    def _memory(self, instruction: Instruction, now: Reached) -> None:
        name, _, size = op.LOADS.get(instruction.opcode) or op.STORES[instruction.opcode]
        value = now.stack.pop() if instruction.opcode in op.STORES else None
        base = now.stack.pop()
        if base.op != "const":
            raise Refused(f"{name} at an address that is not constant")
        address = int(base.value) % (1 << 32) + instruction.value
        if value is None:
            now.stack.append(self._loaded(now.words, address, size, name.endswith("_u")))
        else:
            self._stored(now.words, address, size, value)

    def _word(self, words: Words, address: int) -> Term:
        value = words.get(address)
        if value is None:
            raise Refused(f"it reads address {address}, which is no state or input of the record, or not yet written")
        return value

    def _loaded(self, words: Words, address: int, size: int, unsigned: bool) -> Term:
        terms, start = self.terms, address & ~3
        word = self._word(words, start)
        if size == 8 and start == address:
            high = self._word(words, address + 4)
            return terms.add(self.arithmetic.unsigned(32, word), terms.mul(high, terms.const(1 << 32)))
        if start + 4 < address + size or size == 8:
            raise Refused(f"it reads {size} bytes at address {address}, across two quantities")
        if size == 4:
            return self.arithmetic.unsigned(32, word) if unsigned else word
        shifted = terms.fdiv(self.arithmetic.unsigned(32, word), terms.const(1 << 8 * (address - start)))
        part = terms.fmod(shifted, terms.const(1 << 8 * size))
        return part if unsigned else self.arithmetic.wrap(8 * size, part)

    def _stored(self, words: Words, address: int, size: int, value: Term) -> None:
        parts = [self.arithmetic.wrap(32, value)]
        if size == 8:
            parts.append(self.terms.fdiv(value, self.terms.const(1 << 32)))
        for i, part in enumerate(parts):
            if address + 4 * i not in words:
                raise Refused(f"it writes address {address + 4 * i}, which is no word of the record")
            words[address + 4 * i] = part
