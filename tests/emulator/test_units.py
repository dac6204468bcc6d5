"""The emulator's own unit tests, which Node runs, and the set-up of Node."""

import subprocess

import pytest

from tools import setup_node
from tools.setup_env import SetupError


@pytest.mark.parametrize("name", ["clock", "control", "events", "flash"])
def test_node_runs_the_tests_of(name):
    emulator = setup_node.ensure()
    command = [setup_node.node(), "--test", f"test/{name}.test.mjs"]
    done = subprocess.run(command, cwd=emulator, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout and "# pass 0" not in done.stdout


@pytest.fixture
def fresh():
    setup_node.node.cache_clear()
    setup_node.ensure.cache_clear()
    yield
    setup_node.node.cache_clear()
    setup_node.ensure.cache_clear()


@pytest.fixture
def programs(fresh, tmp_path, monkeypatch):
    """Put programs of these names and shell scripts on PATH, alone."""

    def put(**scripts: str) -> None:
        for name, script in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


def test_missing_node_is_the_command_to_type(programs, monkeypatch):
    programs()
    with pytest.raises(SetupError, match="sudo apt-get update && sudo apt-get install .*nodejs npm"):
        setup_node.node()


def test_old_node_is_refused(programs):
    programs(node="echo v16.20.2", npm="")
    with pytest.raises(
        SetupError, match=r"Node v16.20.2 is too old.*version 18 or later.*apt-get install -y nodejs npm"
    ):
        setup_node.node()


def test_packages_are_installed_once_and_again_when_the_lock_changes(programs, tmp_path, monkeypatch):
    emulator = tmp_path / "emulator"
    (emulator / "node_modules").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (emulator / name).write_text("{}")
    monkeypatch.setattr(setup_node, "EMULATOR", emulator)
    programs(node="echo v20.0.0", npm=f'echo "$@" >> {tmp_path}/calls')

    def calls() -> int:
        setup_node.ensure.cache_clear()
        assert setup_node.ensure() == emulator
        return len((tmp_path / "calls").read_text().splitlines())

    assert [calls(), calls()] == [1, 1]
    (emulator / "package-lock.json").write_text('{"changed": true}')
    assert calls() == 2
    assert (tmp_path / "calls").read_text().startswith("ci --ignore-scripts")


def test_failing_npm_is_a_clear_error_and_is_tried_again(programs, tmp_path, monkeypatch):
    (tmp_path / "node_modules").mkdir()
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(setup_node, "EMULATOR", tmp_path)
    programs(node="echo v20.0.0", npm="echo no network >&2; exit 1")
    for _ in range(2):
        with pytest.raises(SetupError, match="(?s)no network.*npm ci .*failed in .*check the network"):
            setup_node.ensure()
