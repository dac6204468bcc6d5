"""Where a microworld's bytes run: wasmtime with fuel, a memory that cannot grow, a deadline, and nothing else at hand.

A module touches the world through its record alone (see ../README.md, "The ABI"): no WASI, no clock, no file, no
import but the one memory, which is made here.
"""

from host_bridge.microworld.runtime.batch import Batch
from host_bridge.microworld.runtime.faults import WorldFault
from host_bridge.microworld.runtime.sandbox import Instance, Module, Sandbox, Shape

__all__ = ["Batch", "Instance", "Module", "Sandbox", "Shape", "WorldFault"]
