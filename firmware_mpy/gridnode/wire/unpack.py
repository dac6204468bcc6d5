"""The host's reading of batches: bounded, and refusing whatever no node has packed. The layout is in wire.batch."""

from gridnode.wire import WireError, bits, schema
from gridnode.wire.batch import BATCH, BATCHES, COUNT_MAX, ROUND, TICK_MS, TIME_ERROR_MS
from gridnode.wire.block import Block, varint


def unpack(body: bytes, decode) -> list:
    """The messages of a batch, in order; `decode` checks those that are in it as they were. Raises WireError."""
    block = Block(len(body), TICK_MS, None, _get_head)
    block.content[: len(body)] = body
    try:
        if len(body) < 4 or not block.open() or 8 * len(body) <= block.state[bits.AT]:
            raise WireError("not a batch")
        return _messages(block, decode)
    except (OverflowError, IndexError):  # numbers that nothing metered has
        raise WireError("a number of a batch is out of range")


def _messages(block, decode) -> list:
    state, content, out = block.state, block.content, []
    while not _is_over(block):
        sequence = block.first + state[bits.SEQUENCE]
        if not block.advance() or state[bits.AT] > state[bits.LIMIT] or state[bits.SEQUENCE] > COUNT_MAX:
            raise WireError("a batch is cut off")
        if state[bits.KIND] == bits.EXPECTED:
            out.append(_interval(block, sequence))
        elif state[bits.KIND] == bits.HOLE:
            out += [[schema.SKIPPED, number] for number in range(sequence, block.first + state[bits.SEQUENCE])]
        else:
            end = state[bits.AT] >> 3
            message = decode(bytes(memoryview(content)[end - state[bits.ARGUMENT] : end]))
            if message[0] not in schema.RELIABLE or message[1] != sequence:
                raise WireError("not a record of this batch")
            out.append(message)
    if not out:
        raise WireError("a batch is empty")
    return out


def _is_over(block) -> bool:
    at = block.state[bits.AT]
    rest = block.state[bits.LIMIT] - at
    return rest < 8 and block.content[at >> 3] & 0xFF >> (at & 7) == 0xFF >> (at & 7) if rest else True


def _interval(block, sequence: int) -> list:
    message = block.interval(sequence)
    base = bits.CHANNELS + bits.PLACES * message[2]
    state = block.state
    message[3] += TIME_ERROR_MS
    clock = message[-1] >> schema.CLOCK_SHIFT
    if clock:
        message[-1] += (_widened(clock) - clock) << schema.CLOCK_SHIFT
    if min(state[base + bits.IMPORT + 1], state[base + bits.EXPORT + 1], state[base + bits.DURATION], message[3]) < 0:
        raise WireError("registers of a batch go down")
    return schema.check(message)


def _widened(clock: int) -> int:
    """The bound 2^k ms and TIME_ERROR_MS, as a k."""
    bound_ms = (1 << clock) + TIME_ERROR_MS
    while clock < 31 and 1 << clock < bound_ms:
        clock += 1
    return clock


def _get_head(block) -> int:
    content = block.content
    if content[0] not in BATCHES:
        return 0
    block.pace = (ROUND, 0 if content[0] == BATCH else bits.SILENT)
    block.channels = content[1] >> 5
    block.quality = (content[1] & 31) << schema.CLOCK_SHIFT
    block.first, at = varint(content, 2)
    block.orders, block.registers_before = [], []
    if not block.channels:
        return at
    time, at = varint(content, at)
    block.time_ms = time << 2
    for byte in content[at : at + block.channels]:
        block.orders += [byte >> 4, byte & 15]
    at += block.channels
    for _ in range(block.channels):
        sizes, at = content[at], at + 1
        for size in (sizes >> 4, sizes & 15):
            block.registers_before.append(int.from_bytes(content[at : at + size], "little"))
            at += size
    return at
