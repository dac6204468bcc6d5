"""gridnode/wire/schema.py as it goes onto a microcontroller: without the names of the fields, its digest worked out.

The names cost 9 kB of a heap that has 200, the digest a seventh of a second at each start; the node needs neither.
What it takes and refuses is the same, which a test sees to.
"""

from gridnode.wire import schema

# A letter for each kind of field; a capital one may be null.
_LETTERS = {
    "uint": "u",
    "int": "i",
    "bytes": "b",
    "blob": "o",
    "text": "t",
    "texts": "x",
    "state": "s",
    "target": "g",
    "cause": "c",
    "result": "r",
    "reason": "e",
    "event": "v",
    "document": "d",
    "span": "p",
    "fault": "f",
}

_CODE = """
def digest():
    return DIGEST


def _fits(kind, value):
    if kind == "u":
        return type(value) is int and 0 <= value <= INT_MAX
    if kind == "i":
        return type(value) is int and -INT_MAX <= value <= INT_MAX
    if kind in _COUNTS:
        return type(value) is int and 0 <= value < _COUNTS[kind]
    if kind == "b":
        return type(value) is bytes and len(value) <= TEXT_MAX
    if kind == "o":
        return type(value) is bytes and len(value) <= BLOB_MAX
    if kind == "t":
        return type(value) is str and len(value.encode()) <= TEXT_MAX
    if kind == "x":
        return type(value) is list and len(value) <= TEXTS_MAX and all([_fits("t", item) for item in value])
    return value is None or _fits(kind.lower(), value)


def check(message):
    if type(message) is not list or not message or type(message[0]) is not int:
        raise WireError("not a message")
    kinds = _KINDS.get(message[0])
    if kinds is None:
        raise WireError("unknown message id")
    if len(message) != len(kinds) + 1:
        raise WireError("wrong number of fields")
    for index, kind in enumerate(kinds):
        if not _fits(kind, message[index + 1]):
            raise WireError("bad field")
    return message
"""


def source() -> bytes:
    """The module's text."""
    hidden = {"MESSAGES", "NAMES", "FAULTS"}
    lines = ['"""Made of schema.py by tools/slim_schema.py."""', "from gridnode.wire import WireError"]
    for name, value in vars(schema).items():
        if name.isupper() and not name.startswith("_") and name not in hidden:
            lines.append(f"{name} = {value!r}")
    kinds = {number: "".join(map(_letter, fields)) for number, (_, fields) in schema.MESSAGES.items()}
    counts = {_LETTERS[kind]: len(names) for kind, names in schema.NAMES.items()}
    lines += [f"_KINDS = {kinds!r}", f"_COUNTS = {counts!r}", f"DIGEST = {schema.digest()!r}", _CODE]
    return "\n".join(lines).encode()


def _letter(field: tuple[str, str]) -> str:
    kind = field[1]
    return _LETTERS[kind[:-1]].upper() if kind.endswith("?") else _LETTERS[kind]
