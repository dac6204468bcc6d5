"""A file -> a world that is ready to run. All that takes long is here, and is done in a thread beside the loop.

What runs was signed by a trusted key, was accepted by the verifier (its case says so of these very bytes), and is
decoded once more before it is compiled.
"""

from typing import TYPE_CHECKING, NamedTuple

from host_bridge.microworld import bundle, signing
from host_bridge.microworld.bundle import Bundle, BundleError
from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Module, Sandbox, WorldFault

if TYPE_CHECKING:
    from host_bridge.microworld.verify.case import Case


class WorldError(ValueError):
    """A world cannot be installed, swapped or shown; the text says why and what to do."""


class Prepared(NamedTuple):
    """Ready to become a World. `fuel` of a step: twice what the verifier says that one can take."""

    bundle: Bundle
    program: Program
    module: Module
    fuel: int


def prepare(content: bytes, trusted: list[str], sandbox: Sandbox) -> Prepared:
    """The world in `content`, a `.world` file. Raises WorldError."""
    # Here: a bridge without worlds does without the decoder.
    from host_bridge.microworld.verify.case import Case, interface
    from host_bridge.microworld.verify.decode import Refused, decode

    try:
        found = bundle.read(content, trusted)
        program = found.program()
        case = Case.read(found.case)
        _check_case(found, case)
        if case.interface != interface(program):
            raise WorldError("the world's assurance case is of another program than its specification: build it anew")
        return Prepared(found, program, sandbox.load(found.wasm, decode), 2 * case.fuel_bound)
    except WorldFault as fault:
        raise WorldError(fault.says) from None
    except Refused as error:
        raise WorldError(f"the module does something that cannot be followed: {error}") from None
    except (BundleError, SpecError, signing.SigningError) as error:
        raise WorldError(str(error)) from None
    except WorldError:
        raise
    except ValueError as error:
        raise WorldError(f"the world's assurance case cannot be read: {error}") from None


def _check_case(found: Bundle, case: "Case") -> None:
    if case.digest != found.digest:
        raise WorldError("the world's assurance case is of other bytes than it carries: build it anew")
    if not case.accepted:
        open_ones = ", ".join(f"{v.claim}: {v.outcome}" for v in case.verdicts if v.outcome != "proved")
        raise WorldError(f"the verifier has not accepted this world ({open_ones[:300]})")
