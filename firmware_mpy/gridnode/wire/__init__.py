"""The wire between node and host, sans-I/O: the same bytes and rules on MicroPython and CPython.

README.md beside this file is the specification.
"""


class WireError(ValueError):
    """What arrived is not well formed. The only exception the decoders of this package raise on bad input."""
