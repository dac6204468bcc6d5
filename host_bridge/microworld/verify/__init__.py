"""The verifier: what can be proved of the bytes that will run, as an assurance case. ../README.md, "The verifier"."""

from host_bridge.microworld.verify.assure import reverify, verify
from host_bridge.microworld.verify.case import Case, Verdict
from host_bridge.microworld.verify.lint import lint

__all__ = ["Case", "Verdict", "lint", "reverify", "verify"]
