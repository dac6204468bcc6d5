"""gridnode: the node's own program, the same source on MicroPython and CPython."""

VERSION = "0.1.0"
