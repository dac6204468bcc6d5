"""A function's code: bytes -> nested instructions whose operand types are checked, or Refused.

The check is that of the WebAssembly specification (appendix "Validation Algorithm"), but that code which nothing
reaches is refused, so no stack is ever of unknown shape.
"""

from typing import NamedTuple

from host_bridge.microworld.verify import opcodes as op
from host_bridge.microworld.verify.reader import Reader, Refused

MOST_LOCALS, MOST_INSTRUCTIONS, MOST_NESTED = 2000, 20000, 60

Signature = tuple[tuple[int, ...], tuple[int, ...]]


class Instruction(NamedTuple):
    """One instruction; a block, loop or if carries what is inside."""

    opcode: int
    value: int = 0  # constant, local, depth of a branch, function, offset of a load or store
    body: tuple["Instruction", ...] = ()
    otherwise: tuple["Instruction", ...] | None = None
    result: int | None = None  # of a block, loop or if


class Function(NamedTuple):
    """Its parameters first, then its locals, by type."""

    takes: tuple[int, ...]
    gives: tuple[int, ...]
    locals: tuple[int, ...]
    body: tuple[Instruction, ...]


class _Frame(NamedTuple):
    base: int  # height of the stack where it begins
    label: int | None  # what a branch to it carries
    result: int | None


def read_function(reader: Reader, signature: Signature, functions: list[Signature]) -> Function:
    """The function in `reader`. Refused: where it breaks the rules, or is not followed."""
    kinds = list(signature[0])
    for _ in range(reader.count(MOST_LOCALS, "groups of locals")):
        many, kind = reader.count(MOST_LOCALS, "locals"), reader.byte()
        if kind not in op.TYPES or len(kinds) + many > MOST_LOCALS:
            raise Refused(f"a local that is no i32 or i64, or above {MOST_LOCALS} locals, before byte {reader.at}")
        kinds += [kind] * many
    result = signature[1][0] if signature[1] else None
    code = _Code(reader, tuple(kinds), functions, result)
    body, end = code.sequence(_Frame(0, result, result))
    if end != op.END:
        raise Refused(f"an else without if before byte {reader.at}")
    return Function(signature[0], signature[1], tuple(kinds), body)


class _Code:
    def __init__(self, reader: Reader, kinds: tuple[int, ...], functions: list[Signature], result: int | None):
        self.reader, self.kinds, self.functions = reader, kinds, functions
        self.result, self.left = result, MOST_INSTRUCTIONS
        self.stack: list[int] = []
        self.frames: list[_Frame] = []

    def sequence(self, frame: _Frame) -> tuple[tuple[Instruction, ...], int]:
        """The instructions of `frame` and what ended them: END or ELSE. Its result is left on the stack."""
        if len(self.frames) >= MOST_NESTED:
            raise Refused(f"blocks nested above {MOST_NESTED} deep")
        self.frames.append(frame)
        found: list[Instruction] = []
        gone = False  # after a branch nothing may follow
        while True:
            opcode = self.reader.byte()
            if opcode in (op.END, op.ELSE):
                break
            if gone:
                raise Refused(f"code that nothing reaches at byte {self.reader.at - 1}")
            found.append(self.instruction(opcode))
            gone = opcode in (op.BR, op.RETURN, op.UNREACHABLE)
        self._close(frame, gone)
        self.frames.pop()
        return tuple(found), opcode

    def _close(self, frame: _Frame, gone: bool) -> None:
        if gone:
            del self.stack[frame.base :]
        else:
            if frame.result is not None:
                self.pop(frame.result)
            if len(self.stack) != frame.base:
                raise Refused(f"values left on the stack before byte {self.reader.at}")
        if frame.result is not None:
            self.stack.append(frame.result)

    def pop(self, kind: int | None = None) -> int:
        """The topmost operand's type, which is `kind` if that is given."""
        if len(self.stack) <= self.frames[-1].base:
            raise Refused(f"an operand is missing before byte {self.reader.at}")
        found = self.stack.pop()
        if kind is not None and found != kind:
            raise Refused(f"{op.TYPES[found]} where {op.TYPES[kind]} is wanted, before byte {self.reader.at}")
        return found

    def instruction(self, opcode: int) -> Instruction:
        """The rest of an instruction that began with `opcode`, its operands taken off the stack, its result put on."""
        self.left -= 1
        if self.left < 0:
            raise Refused(f"above {MOST_INSTRUCTIONS} instructions")
        if opcode in op.NUMERIC:
            _, takes, gives = op.NUMERIC[opcode]
            for kind in reversed(takes):
                self.pop(kind)
            self.stack.append(gives)
            return Instruction(opcode)
        if opcode in (op.LOCAL_GET, op.LOCAL_SET, op.LOCAL_TEE):
            return self._local(opcode)
        if opcode in (op.I32_CONST, op.I64_CONST):
            self.stack.append(op.I32 if opcode == op.I32_CONST else op.I64)
            return Instruction(opcode, self.reader.signed(32 if opcode == op.I32_CONST else 64))
        if opcode in op.LOADS or opcode in op.STORES:
            return self._memory(opcode)
        if opcode in (op.BLOCK, op.LOOP, op.IF):
            return self._block(opcode)
        if opcode in (op.BR, op.BR_IF, op.RETURN, op.CALL):
            return self._jump(opcode)
        return self._plain(opcode)

    def _plain(self, opcode: int) -> Instruction:
        if opcode == op.DROP:
            self.pop()
        elif opcode in (op.SELECT, op.TYPED_SELECT):
            kind = self._type_of_select() if opcode == op.TYPED_SELECT else None
            self.pop(op.I32)
            self.stack.append(self.pop(self.pop(kind)))
        elif opcode not in (op.NOP, op.UNREACHABLE):
            raise Refused(f"{op.called(opcode)} at byte {self.reader.at - 1}")
        return Instruction(op.SELECT if opcode == op.TYPED_SELECT else opcode)

    def _type_of_select(self) -> int:
        count, kind = self.reader.unsigned(), self.reader.byte()
        if count != 1 or kind not in op.TYPES:
            raise Refused(f"a select of no i32 or i64 before byte {self.reader.at}")
        return kind

    def _local(self, opcode: int) -> Instruction:
        index = self.reader.unsigned()
        if index >= len(self.kinds):
            raise Refused(f"local {index} is missing, before byte {self.reader.at}")
        if opcode != op.LOCAL_GET:
            self.pop(self.kinds[index])
        if opcode != op.LOCAL_SET:
            self.stack.append(self.kinds[index])
        return Instruction(opcode, index)

    def _memory(self, opcode: int) -> Instruction:
        _, kind, size = op.LOADS.get(opcode) or op.STORES[opcode]
        align, offset = self.reader.unsigned(), self.reader.unsigned()
        if align > 3 or 1 << align > size:
            raise Refused(f"an alignment of 2^{align} for {size} bytes, before byte {self.reader.at}")
        if opcode in op.STORES:
            self.pop(kind)
        self.pop(op.I32)
        if opcode in op.LOADS:
            self.stack.append(kind)
        return Instruction(opcode, offset)

    def _block(self, opcode: int) -> Instruction:
        kind = self.reader.byte()
        if kind not in op.TYPES and kind != op.EMPTY:
            raise Refused(f"a block of type 0x{kind:02x} before byte {self.reader.at}")
        result = None if kind == op.EMPTY else kind
        if opcode == op.IF:
            self.pop(op.I32)
        frame = _Frame(len(self.stack), None if opcode == op.LOOP else result, result)
        body, end = self.sequence(frame)
        otherwise = None
        if end == op.ELSE:
            if opcode != op.IF:
                raise Refused(f"an else without if before byte {self.reader.at}")
            del self.stack[frame.base :]
            otherwise, end = self.sequence(frame)
        if end != op.END or (opcode == op.IF and otherwise is None and result is not None):
            raise Refused(f"an if with a result and no else, or two of them, before byte {self.reader.at}")
        return Instruction(opcode, 0, body, otherwise, result)

    def _jump(self, opcode: int) -> Instruction:
        if opcode == op.RETURN:
            if self.result is not None:
                self.pop(self.result)
            return Instruction(opcode)
        index = self.reader.unsigned()
        if opcode == op.CALL:
            if index >= len(self.functions):
                raise Refused(f"a call of the missing function {index}")
            takes, gives = self.functions[index]
            for kind in reversed(takes):
                self.pop(kind)
            self.stack += gives
            return Instruction(opcode, index)
        if index >= len(self.frames):
            raise Refused(f"a branch out of {index} blocks, before byte {self.reader.at}")
        label = self.frames[-1 - index].label
        if opcode == op.BR_IF:
            self.pop(op.I32)
        if label is not None:
            self.pop(label)
            if opcode == op.BR_IF:
                self.stack.append(label)
        return Instruction(opcode, index)
