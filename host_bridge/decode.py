"""A message body -> its fields, as gridnode.wire.session.decode does it, but by cbor2.

cbor2 is written in Rust and takes more than the wire allows (longer forms, indefinite lengths,
tags, bytes behind the item). Whatever it read is encoded again: only the one deterministic form
gives the same bytes. A test holds both decoders together over millions of inputs.
"""

from cbor2 import dumps, loads

from gridnode.wire import WireError, schema
from gridnode.wire.cbor import DEPTH_MAX

_INTEGERS = {int}
# Items of the messages that are numbers throughout: nearly all traffic, so checked at once where it can be.
_ITEMS_OF = {number: len(schema.MESSAGES[number][1]) + 1 for number in (schema.INTERVAL, schema.REGISTERS, schema.LIVE)}


def decode(body: bytes) -> list[object]:
    """The message in `body`, checked against the schema. Raises WireError."""
    try:
        message = loads(body, max_depth=DEPTH_MAX + 1)
        if dumps(message) != body:
            raise WireError("not deterministic CBOR")
        if _is_plain(message):
            return message  # type: ignore[no-any-return]
    except WireError:
        raise
    except Exception as error:  # cbor2 raises whatever the depth of the damage calls for
        raise WireError(str(error)) from error
    return schema.check(message)  # type: ignore[no-any-return]


def _is_plain(m: list[int]) -> bool:
    """Whether `m` is one of _ITEMS_OF with no null and nothing below zero; if not it may still be right."""
    return (
        type(m) is list
        and set(map(type, m)) == _INTEGERS
        and len(m) == _ITEMS_OF.get(m[0])
        and min(m) >= 0
        and max(m) <= schema.INT_MAX
    )
