"""A specification, read from TOML: every mistake with its line and column, then a Program."""

from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.spec.specification import Spec, read
from host_bridge.microworld.spec.template import template

__all__ = ["Spec", "SpecError", "read", "template"]
