"""Lets one source be viper code on MicroPython and plain Python on CPython.

    from gridnode.native import micropython, ptr16

    @micropython.viper
    def largest(samples: ptr16, n: int) -> int: ...

MicroPython's compiler knows the decorator and the pointer types by their names alone. A 64-bit port reads words of
a ptr32 without their sign, and every port those of a ptr16 and ptr8: mask and shift back what can be negative.
"""

try:
    import micropython
except ImportError:  # CPython

    class micropython:
        """Takes the place of MicroPython's module of that name."""

        viper = staticmethod(lambda function: function)


ptr8 = ptr16 = ptr32 = None  # the compiler goes by their names
