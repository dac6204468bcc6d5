"""A message body -> its fields, as gridnode.wire.session.decode does it, but by cbor2.

cbor2 is written in Rust and takes more than the wire allows (longer forms, indefinite lengths,
tags, bytes behind the item). Whatever it read is encoded again: only the one deterministic form
gives the same bytes. A test holds both decoders together over millions of inputs.
"""

import cbor2
from gridnode.wire import WireError, schema
from gridnode.wire.cbor import DEPTH_MAX, ITEMS_MAX

_INTEGERS = {int}
_INTERVAL_ITEMS = len(schema.MESSAGES[schema.INTERVAL][1]) + 1


def decode(body: bytes) -> list[object]:
    """The message in `body`, checked against the schema. Raises WireError."""
    try:
        message = cbor2.loads(body, max_depth=DEPTH_MAX + 1)
        if cbor2.dumps(message) != body:
            raise WireError("not deterministic CBOR")
    except WireError:
        raise
    except Exception as error:  # cbor2 raises whatever the depth of the damage calls for
        raise WireError(str(error)) from error
    if _is_whole_interval(message):
        return message  # type: ignore[no-any-return]
    return schema.check(message)  # type: ignore[no-any-return]


def _is_whole_interval(m: list[int]) -> bool:
    """Whether `m` is an INTERVAL of plain numbers within bounds: what nearly all traffic is, so checked at once."""
    return (
        type(m) is list
        and len(m) == _INTERVAL_ITEMS
        and m[0] == schema.INTERVAL
        and set(map(type, m)) == _INTEGERS
        and max(m) <= schema.INT_MAX
        and min(m) >= 0
    )
