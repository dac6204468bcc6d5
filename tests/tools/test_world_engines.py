"""The other engines: what is said where they cannot be had, or do not run a module."""

import platform

import numpy as np
import pytest

from tools import world_engines
from tools.image_sources import NotHad


def test_a_machine_without_debians_package_is_told_so(monkeypatch):
    world_engines.wasmedge.cache_clear()
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(NotHad, match="x86_64 and aarch64"):
        world_engines.wasmedge()


def test_what_the_engine_says_about_a_broken_module_is_passed_on(tmp_path):
    module = tmp_path / "broken.wasm"
    module.write_bytes(b"\0asm\1\0\0\0\xff")
    with pytest.raises(NotHad, match=r"node_run\.mjs ended with exit code 1: (.|\n)*CompileError"):
        world_engines.run(world_engines.node(), module, np.zeros((1, 1), np.int32), np.zeros((1, 1, 1), np.int32), 1)
