"""Gives each firmware test an empty directory in TMPDIR, as tests/run_micropython.py does."""

import gc
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # these tests share waves.py; under MicroPython by their place


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture(autouse=True, scope="module")
def collections_look_at_the_tests_own_objects():
    """The node collects garbage when it keeps a document; here that would be all of pytest's."""
    gc.freeze()
    yield
    gc.unfreeze()
