"""`gridnexus world new|check|build|verify`: from a template to a signed world, and its proof once more."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host_bridge import config
from host_bridge.microworld.bundle import SUFFIX, BundleError
from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.world_commands import chosen, tables

DONE, FAILED = 0, 1


def new(args: Namespace) -> int:
    """Write a specification to begin with."""
    from host_bridge.microworld import spec

    name = Path(args.name).stem
    path = Path(args.name if args.name.endswith(".toml") else f"{args.name}.toml")
    if not name.isascii() or not name.isidentifier() or len(name) > 40:
        raise config.ConfigError(f"{name}: a microworld's name is made of letters, digits and _, 40 at most")
    with path.open("x", encoding="utf-8") as file:  # never over what somebody has written
        file.write(spec.template(name))
    said = f"{path} is written: change it, then: gridnexus world check {path}"
    print(json.dumps({"file": str(path)}) if args.json else said)
    return DONE


def check(args: Namespace) -> int:
    """Say what is wrong with a specification, without proving anything."""
    from host_bridge.microworld import making

    try:
        made = chosen.compiled(args)
    except SpecError as error:
        if args.json:
            print(json.dumps({"errors": making.errors(error)}, indent=2))
            return FAILED
        return chosen.tell_errors(error)
    warnings = [*made.spec.warnings, *making.lint(made)]
    if args.json:
        print(json.dumps({"errors": [], **making.described(made), "warnings": warnings}, indent=2))
        return DONE
    for warning in warnings:
        print(f"warning: {warning}")
    on_node = (
        f"{len(made.bytecode)} B of bytecode for a node" if made.bytecode else f"no bytecode ({made.bytecode_says})"
    )
    print(f"{made.program.name}: no errors, {_count(warnings, 'warning')}; {len(made.wasm)} B of wasm, {on_node}")
    return DONE


def build(args: Namespace) -> int:
    """Compile, prove, sign; nothing is written where a claim is not proved."""
    from host_bridge.microworld import bundle, making
    from host_bridge.microworld.on_disk import write_whole
    from host_bridge.microworld.signing import Signer, SigningError

    try:
        made = chosen.compiled(args)
    except SpecError as error:
        return chosen.tell_errors(error)
    with progress(f"proving {made.program.name}") as tell:
        case = making.verified(made, args.budget, tell)
    answer = {**making.described(made), **making.judged(case)}
    path = Path(args.output or f"{made.program.name}{SUFFIX}")
    if case.accepted:
        try:
            signer = Signer.of(config.load(config.find(args.config)).worlds_folder)
            program = made.program
            content = bundle.build(made.spec.text, program.profile, program.parameters, made.wasm, made.bytecode,
                                   case.json(), signer)  # fmt: skip
        except (SigningError, BundleError) as error:
            return _failed(str(error))
        write_whole(path, content, 0o644)
        answer |= {"file": str(path), "signed_by": signer.public}
    if args.json:
        print(json.dumps(answer, indent=2))
    else:
        _show(answer, {quantity.name: quantity.unit for quantity in made.program.quantities()})
        print(f"{path} is written: sha256:{case.digest[:12]}, {len(made.wasm)} B of wasm" if case.accepted else
              f"{made.program.name} is not built: {_bad(answer)}")  # fmt: skip
    return DONE if case.accepted else FAILED


def verify(args: Namespace) -> int:
    """Prove again what an assurance case says, from the bytes and the case alone."""
    from host_bridge.microworld import making
    from host_bridge.microworld import verify as verifier

    try:
        wasm, bytecode, case_text, more = _bytes(args.file, args.case)
        with progress(f"proving {args.file}") as tell:
            case = verifier.reverify(wasm, case_text, bytecode or None, budget_s=args.budget, progress=tell)
    except config.ConfigError:
        raise
    except ValueError as error:  # BundleError and SpecError are such
        return _failed(str(error))
    answer = {**making.judged(case), **more}
    good = case.accepted and more.get("spec_gives_these_bytes", True)
    if args.json:
        print(json.dumps(answer, indent=2))
        return DONE if good else FAILED
    _show(answer, {})
    if "signed_by" in more:
        print(f"signed by {more['signed_by']}; the specification in it gives "
              f"{'these very bytes' if more['spec_gives_these_bytes'] else 'OTHER bytes than these'}")  # fmt: skip
    print(f"sha256:{case.digest}: {'every claim is proved' if case.accepted else _bad(answer)}")
    return DONE if good else FAILED


def _bytes(path: Path, case: Path | None) -> tuple[bytes, bytes, str, dict[str, Any]]:
    """(wasm, bytecode, case, what else is known) of a `.world` or a `.wasm` file."""
    from host_bridge.microworld import wasm as compiler

    if path.suffix != SUFFIX:
        if case is None:
            raise config.ConfigError(f"{path}: a bare module says not what it claims: give its --case CASE.json")
        return path.read_bytes(), b"", case.read_text(encoding="utf-8"), {}
    _, its = chosen.world(path)
    same = compiler.compile(its.program()) == its.wasm
    text = case.read_text(encoding="utf-8") if case else its.case
    return its.wasm, its.bytecode, text, {"signed_by": its.key, "spec_gives_these_bytes": same}


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """A line on a terminal that says what is being done; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    with console.status(what) as line:
        yield lambda text: line.update(f"{what}: {text}")


def _show(answer: dict[str, Any], units: dict[str, str]) -> None:
    from rich.console import Console

    console = Console()
    console.print(tables.verdicts(answer["verdicts"]), *tables.refutations(answer["verdicts"], units), sep="\n")
    for line in answer["assumptions"]:
        console.print(f"assumed: {line}", markup=False, highlight=False)


def _bad(answer: dict[str, Any]) -> str:
    return ", ".join(
        f"{each['claim']}: {each['outcome']}" for each in answer["verdicts"] if each["outcome"] != "proved"
    )


def _count(things: list[str], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _failed(text: str) -> int:
    print(f"gridnexus world: {text}", file=sys.stderr)
    return FAILED
