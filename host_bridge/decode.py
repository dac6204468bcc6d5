"""A message body -> its fields, as gridnode.wire.session.decode does it, but by cbor2.

cbor2 is written in Rust and takes more than the wire allows (longer forms, indefinite lengths,
tags, bytes behind the item). Nearly all messages are numbers and nothing else: there the first byte of each item
tells whether it has the one deterministic form. Whatever else cbor2 has read is encoded again: only that form gives
the same bytes. A test holds both decoders together over millions of inputs.
"""

from cbor2 import dumps, loads

from gridnode.wire import WireError, schema
from gridnode.wire.cbor import DEPTH_MAX

# By the first byte of an item: the least unsigned integer that needs it, and how many bytes it has. Other items begin
# with what none needs.
_FORMS = ((0, 1),) * 24 + ((24, 2), (1 << 8, 3), (1 << 16, 5), (1 << 32, 9)) + ((1 << 64, 0),) * 228
_ARRAY, _EIGHT_BYTES = 0x80, 0x1B
# Items of the messages that are numbers throughout. No array of more than 23 items is among them.
_ITEMS_OF = {number: len(schema.MESSAGES[number][1]) + 1 for number in (schema.INTERVAL, schema.REGISTERS, schema.LIVE)}


def decode(body: bytes) -> list[object]:
    """The message in `body`, checked against the schema. Raises WireError."""
    try:
        message = loads(body, max_depth=DEPTH_MAX + 1)
        if _is_plain(message, body):
            return message  # type: ignore[no-any-return]
        if dumps(message) != body:
            raise WireError("not deterministic CBOR")
    except WireError:
        raise
    except Exception as error:  # cbor2 raises whatever the depth of the damage calls for
        raise WireError(str(error)) from error
    return schema.check(message)  # type: ignore[no-any-return]


def _is_plain(message: list[int], body: bytes) -> bool:
    """Whether `body` is one of _ITEMS_OF, in its one form, with no null and nothing below zero; if not it may still be
    right."""
    try:
        if len(message) != _ITEMS_OF.get(message[0]) or body[0] != _ARRAY + len(message):
            return False
        at = 1
        for value in message:
            least, size = _FORMS[body[at]]
            if value < least:
                return False
            at += size
    except (TypeError, LookupError):
        return False
    return at == len(body) and (_EIGHT_BYTES not in body or max(message) <= schema.INT_MAX)
