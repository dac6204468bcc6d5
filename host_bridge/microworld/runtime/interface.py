"""What a module asks for and gives, before it runs: the one memory in, `step` and perhaps `run` out."""

import wasmtime

from host_bridge.microworld.runtime.faults import WorldFault

# Compiling cannot be interrupted, so what would take long is not compiled. Catalogue worlds have 2 functions, < 1 kB.
MODULE_BYTES = 8 * 1024
MOST_FUNCTIONS = 8  # each can ask for 50,000 locals in 4 bytes
FUNCTIONS = 3  # the id of the section that lists them


def check_size(wasm: bytes) -> None:
    """Whether `wasm` may be compiled. Raises WorldFault."""
    if len(wasm) > MODULE_BYTES:
        raise WorldFault("refused", f"the module has {len(wasm)} bytes; {MODULE_BYTES} are the most that is loaded")
    if _functions(wasm) > MOST_FUNCTIONS:
        raise WorldFault("refused", f"the module has more than {MOST_FUNCTIONS} functions")


def _functions(wasm: bytes) -> int:
    """How many functions the module says that it has; 0 where it cannot be read, which compiling will say."""
    found, at = 0, 8
    try:
        while at < len(wasm):
            kind = wasm[at]
            size, at = _number(wasm, at + 1)
            if kind == FUNCTIONS:
                found += _number(wasm, at)[0]
            at += size
    except IndexError:
        return 0
    return found


def _number(wasm: bytes, at: int) -> tuple[int, int]:
    """(unsigned LEB128 at `at`, where it ends)."""
    value = shift = 0
    while True:
        byte = wasm[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def check_interface(module: wasmtime.Module) -> None:
    """Whether `module` is one that can be stepped. Raises WorldFault."""
    imports = [(found.module, found.name, type(found.type)) for found in module.imports]
    if imports != [("env", "memory", wasmtime.MemoryType)]:
        names = ", ".join(f"{found[0]}.{found[1]}" for found in imports) or "nothing"
        raise WorldFault("refused", f"it imports {names}; a microworld imports env.memory and nothing else")
    exports = {found.name: found.type for found in module.exports}
    for name, parameters in (("step", 0), ("run", 5)):
        kind = exports.get(name)
        if kind is None and name == "run":
            continue
        words = [str(p) for p in kind.params] if isinstance(kind, wasmtime.FuncType) else None
        if words != ["i32"] * parameters or not isinstance(kind, wasmtime.FuncType) or kind.results:
            raise WorldFault("refused", f"its export `{name}` must be a function of {parameters} i32 without a result")
