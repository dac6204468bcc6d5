"""Run the bench: python -m hil --rig NAME|all [--long] [--report DIR] [--json]

Each rig is one run of pytest over hil/. Simulated rigs are bound by the processor, the others by the clock on the wall,
so both kinds go on side by side. Exit code 0: all that ran has passed and everything named has run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil import benches, report, rigs
from hil.rigs import Rig

ROOT = Path(__file__).resolve().parent.parent
POLL_S = 0.2
LONGEST_RUN_S = 3600  # a rig that takes longer hangs
_CORES = os.cpu_count() or 2
_AT_ONCE = {"simulated": max(1, _CORES - 1), "wall": 2 * _CORES}  # the latter mostly wait, and want a core free


@dataclass
class Job:
    """One rig's run."""

    rig: Rig
    figures: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    began: float = 0
    told: int = 0  # tests shown so far

    def start(self, options: argparse.Namespace) -> None:
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(ROOT / "hil"),
            "--rig",
            self.rig.name,
            "--figures",
            str(self.figures),
        ]
        command += ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += ["--long"] if options.long else []
        command += ["--link-port", options.port] if options.port else []
        command += ["--console-port", options.console] if options.console else []
        command += ["--key-folder", str(options.keys)] if options.keys else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.began = time.monotonic()

    def read(self) -> dict[str, Any]:
        """What the run has noted so far."""
        if not self.figures.exists():
            return {"rig": self.rig.name, "tests": [], "figures": [], "series": {}, "wall_s": 0.0}
        noted: dict[str, Any] = json.loads(self.figures.read_text(encoding="utf-8"))
        return noted

    def ended(self) -> bool:
        assert self.process is not None
        if self.process.poll() is None and time.monotonic() - self.began > LONGEST_RUN_S:
            self.process.kill()
        return self.process.poll() is not None


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(argv)
    try:
        chosen = _choose(options)
    except rigs.RigError as error:
        print(f"hil: {error}", file=sys.stderr)
        return 2
    began = time.monotonic()
    present, missing = _prepare(chosen, options)
    prepared_s = time.monotonic() - began
    with tempfile.TemporaryDirectory(prefix="gridnexus-hil-") as folder:
        jobs = [Job(rig, Path(folder) / f"{rig.name}.json", Path(folder) / f"{rig.name}.log") for rig in present]
        _run_all(jobs, options)
        runs = [job.read() | {"exit_code": job.process.returncode if job.process else None} for job in jobs]
        for job in jobs:
            if job.process and job.process.returncode:
                _tell(f"\n--- {job.rig.name}\n{_tail(job.log)}")
    made = report.make(runs, missing, time.monotonic() - began - prepared_s, prepared_s, options.long)
    if options.report:
        report.write(made, options.report)
    if options.readme:
        _write_readme(report.as_summary(made))
    print(report.as_json(made) if options.json else report.as_text(made))
    return _exit_code(runs, missing, options)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hil", description="The same tests on every rig, and a report.")
    known = ", ".join(rigs.names())
    parser.add_argument("--rig", action="append", metavar="NAME", help=f"{known}; all: every one but serial")
    parser.add_argument(
        "--long", action="store_true", help="10 minutes of load instead of 1, and a power cut at every flash operation"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.md, report.json and report.html there")
    parser.add_argument("--port", help="rig serial: the port of the node's link")
    parser.add_argument("--console", help="rig serial: the port of the node's console, if it is another")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="rig serial: the folder that holds the node's key")
    parser.add_argument("--readme", action="store_true", help="put the answer and the numbers to reach into README.md")
    parser.add_argument("--json", action="store_true", help="print the report for programs")
    return parser.parse_args(argv)


def _choose(options: argparse.Namespace) -> list[Rig]:
    wanted = options.rig or ["all"]
    if "all" in wanted:
        everything = [name for name in rigs.names() if name != "serial" or options.port]
        wanted = everything + [name for name in wanted if name not in ("all", *everything)]
    return [rigs.load(name) for name in dict.fromkeys(wanted)]


def _prepare(chosen: list[Rig], options: argparse.Namespace) -> tuple[list[Rig], dict[str, str]]:
    """The rigs that can run, and why the others cannot."""
    present, missing = [], {}
    for rig in chosen:
        try:
            benches.prepare(rig, options.port, options.keys)
            present.append(rig)
        except benches.MISSING as error:
            missing[rig.name] = str(error)
            _tell(f"{rig.name:18} cannot run here: {error}")
    return present, missing


def _run_all(jobs: list[Job], options: argparse.Namespace) -> None:
    waiting, running = list(jobs), list[Job]()
    try:
        while waiting or running:
            for job in list(waiting):
                if sum(other.rig.clock == job.rig.clock for other in running) < _most(job, [*waiting, *running]):
                    waiting.remove(job)
                    running.append(job)
                    job.start(options)
            time.sleep(POLL_S)
            for job in list(running):
                over = job.ended()  # before what it noted last is read
                _progress(job)
                if over:
                    running.remove(job)
    finally:
        for job in running:
            assert job.process is not None
            job.process.terminate()
            job.process.wait()


def _most(job: Job, left: list[Job]) -> int:
    """How many of its kind may run at once."""
    alone = job.rig.simulated and all(other.rig.simulated for other in left)
    return _CORES if alone else _AT_ONCE[job.rig.clock]


def _progress(job: Job) -> None:
    tests = job.read()["tests"]
    for test in tests[job.told :]:
        if test["outcome"] != "skipped":
            words = "" if test["outcome"] == "passed" else f"  {test['words'].splitlines()[0] if test['words'] else ''}"
            _tell(f"{job.rig.name:18} {test['name']:44} {test['outcome']:8} {test['seconds']:6.1f} s{words}")
    job.told = len(tests)


def _exit_code(runs: list[dict[str, Any]], missing: dict[str, str], options: argparse.Namespace) -> int:
    named = set(options.rig or []) - {"all"}
    if any(run["exit_code"] for run in runs):
        return 1
    if missing and (os.environ.get("CI") or named & set(missing) or not runs):
        return 1
    return 0


def _write_readme(summary: str) -> None:
    """Put `summary` between README.md's two marks."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    marked = re.sub(r"(<!-- hil -->\n).*(<!-- /hil -->)", lambda m: f"{m[1]}{summary}\n{m[2]}", text, flags=re.DOTALL)
    readme.write_text(marked, encoding="utf-8")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:])


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
