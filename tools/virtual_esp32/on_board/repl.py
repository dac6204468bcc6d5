"""The REPL of MicroPython on a chip (shared/runtime/pyexec.c), for the unix port has another. Runs under MicroPython.

Friendly: lines, and blocks that end with an empty line; Ctrl-A raw, Ctrl-B banner, Ctrl-C cancel, Ctrl-D soft reset,
Ctrl-E paste. Raw: what programs such as mpremote use. Given: `raw` (begin with it) and `names` (of the program).
"""
# mypy: ignore-errors
# ruff: noqa: S102, UP031

import gc
import sys

A, B, C, D, E = "\x01", "\x02", "\x03", "\x04", "\x05"
SOFT_RESET_TO_RAW_REPL = 4


def show_banner():
    version = "%d.%d.%d" % sys.implementation[1][:3]
    print("MicroPython v%s; virtual ESP32 board, CPU not emulated (MicroPython's unix port)" % version)
    print('Type "help()" for more information.')


def key():
    """The next byte; Ctrl-C comes as itself, though the terminal makes a signal of it."""
    try:
        return sys.stdin.read(1)
    except KeyboardInterrupt:
        return C


def collect(echo):
    """(text, the control key that ended it)."""
    text = []
    while True:
        char = key()
        if char == "":
            raise SystemExit
        if char in (A, B, C, D, E):
            return "".join(text), char
        if char in ("\r", "\n") and echo == ">>> ":
            sys.stdout.write("\n")
            return "".join(text), "\n"
        if char in ("\x08", "\x7f") and echo:
            if text:
                text.pop()
                sys.stdout.write("\b \b")
            continue
        text.append("\n" if char == "\r" else char)
        if echo:
            sys.stdout.write(text[-1])


def execute(source, kind):
    """Run it; whatever goes wrong is raised."""
    exec(compile(source, "<stdin>", kind), names)  # noqa: F821 (given)


def raw_repl():
    """Until Ctrl-B (returns) or Ctrl-D on its own (leaves)."""
    sys.stdout.write("raw REPL; CTRL-B to exit\n>")
    while True:
        source, end = collect("")
        if end == A:
            sys.stdout.write("raw REPL; CTRL-B to exit\n>")
        elif end == B:
            sys.stdout.write("\n")
            return
        elif end == D and source:
            run_raw(source)
            sys.stdout.write(">")
        elif end == D:
            sys.stdout.write("OK\n")
            sys.exit(SOFT_RESET_TO_RAW_REPL)
        elif end == E:  # with "A" and Ctrl-A: asks for raw paste, which is not spoken here
            sys.stdin.read(2)
            sys.stdout.write("R\x00")


def run_raw(source):
    """OK, what it prints, Ctrl-D, what went wrong, Ctrl-D."""
    sys.stdout.write("OK")
    fault = None
    try:
        execute(source, "exec")
    except SystemExit:
        raise
    except BaseException as error:
        fault = error
    sys.stdout.write(D)
    if fault is not None:
        sys.print_exception(fault)
    sys.stdout.write(D)
    gc.collect()


def friendly_repl():
    """Until Ctrl-A (returns) or Ctrl-D (leaves)."""
    show_banner()
    while True:
        sys.stdout.write(">>> ")
        line, end = collect(">>> ")
        if end == A:
            return
        if end == B:
            sys.stdout.write("\n")
            show_banner()
        elif end == C:
            sys.stdout.write("\n")
        elif end == D:
            sys.stdout.write("\n")
            raise SystemExit
        elif end == E:
            sys.stdout.write("\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\n=== ")
            source, end = collect("=== ")
            sys.stdout.write("\n")
            if end == D:
                try_it(source, "exec")
        else:
            try_it(block(line) if line.rstrip().endswith(":") else line, "single")


def block(line):
    """The lines up to an empty one."""
    lines = [line]
    while line:
        sys.stdout.write("... ")
        line, end = collect(">>> ")
        if end == C:
            return ""
        lines.append(line)
    return "\n".join(lines) + "\n"


def try_it(source, kind):
    if not source.strip():
        return
    try:
        execute(source, kind)
    except SystemExit:
        raise
    except BaseException as error:
        sys.print_exception(error)


while True:
    if raw:  # noqa: F821 (given)
        raw_repl()
    raw = True
    friendly_repl()
