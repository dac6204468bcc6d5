"""How a module ends that does not end by itself."""

import wasmtime


class WorldFault(Exception):
    """A module was ended, or is not taken. cause: trap, fuel, deadline, memory, stack; refused: it never ran."""

    def __init__(self, cause: str, says: str) -> None:
        super().__init__(f"{cause}: {says}")
        self.cause, self.says = cause, says


CAUSES = {
    wasmtime.TrapCode.OUT_OF_FUEL: ("fuel", "it used up its fuel: it runs for too long"),
    wasmtime.TrapCode.INTERRUPT: ("deadline", "it ran past its deadline"),
    wasmtime.TrapCode.STACK_OVERFLOW: ("stack", "it calls itself too deeply"),
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: ("memory", "it reached beyond its memory"),
}


def fault_of(error: Exception) -> WorldFault:
    """Why wasmtime ended it."""
    try:
        code = error.trap_code if isinstance(error, wasmtime.Trap) else None
    except ValueError:  # a code that this binding does not know yet
        code = None
    if code in CAUSES:
        return WorldFault(*CAUSES[code])
    return WorldFault("trap", code.name.lower().replace("_", " ") if code else first_line(error))


def first_line(error: Exception) -> str:
    """What wasmtime says of an error, without where in the text it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
