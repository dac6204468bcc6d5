"""Gives each firmware test an empty directory in TMPDIR, as tests/run_micropython.py does."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
