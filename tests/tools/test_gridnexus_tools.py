"""`gridnexus build|flash|console|push|sniff|board`: the tools of the checkout, run as programs of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from host_bridge.cli import BOARD_TOOLS, build_parser
from tools import boards


def gridnexus(root, *arguments, cwd=None, **environment):
    path = os.pathsep.join((str(root), str(root / "firmware_mpy")))
    return subprocess.run(
        [sys.executable, "-m", "host_bridge.cli", *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("tool", sorted(BOARD_TOOLS))
def test_every_tool_answers_with_its_own_help(root, tool):
    done = gridnexus(root, tool, "--help")
    assert done.returncode == 0 and "usage: " in done.stdout and "COMMAND" not in done.stdout


def test_help_lists_them_in_a_group_of_their_own():
    text = build_parser().format_help()
    commands, _, group = text.partition("for boards")
    for tool, words in BOARD_TOOLS.items():
        assert f"    {tool:<13}{words}" in group
        assert words not in commands


@pytest.mark.slow
def test_arguments_reach_the_tool_as_they_are_and_its_exit_code_comes_back(root, tmp_path):
    done = gridnexus(root, "flash", "esp32_devkit", "--image", "no such folder", "--yes", cwd=tmp_path)
    assert done.returncode == 1 and "no such folder/manifest.json: No such file" in done.stderr
    assert gridnexus(root, "sniff", "--json").returncode == 2
    done = gridnexus(root, "--config", str(tmp_path / "none.toml"), "board", "rpi_pico")
    assert done.returncode == 0 and "Raspberry Pi Pico" in done.stdout


def test_other_commands_still_refuse_what_they_do_not_know(root):
    done = gridnexus(root, "nodes", "--colour")
    assert done.returncode == 2 and "unrecognized arguments: --colour" in done.stderr


def test_an_installed_package_says_where_the_tools_are(root, tmp_path):
    for package in ("host_bridge", "firmware_mpy/gridnode"):
        shutil.copytree(root / package, tmp_path / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    done = gridnexus(tmp_path, "flash", "rpi_pico", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "this is an installed package: clone the project" in done.stderr


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("gridnexus fl", ["flash"]),
        ("gridnexus flash rpi_", ["rpi_pico", "rpi_pico_w"]),
        ("gridnexus push ", boards.names()),
    ],
)
def test_completion_knows_tools_and_boards(root, tmp_path, line, some):
    answer = tmp_path / "completions"
    gridnexus(
        root,
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_STDOUT_FILENAME=str(answer),
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
        _ARGCOMPLETE_IFS="\n",
    )
    offered = {each.strip() for each in answer.read_text().split("\n") if not each.startswith("-")}
    assert set(some) <= offered


def test_the_bridge_imports_no_tool(root):
    """It runs them; tests/test_imports.py keeps every module to its row, and this one says it of these two."""
    for module in ("cli", "commands"):
        source = (root / "host_bridge" / f"{module}.py").read_text()
        assert "import tools" not in source and "from tools" not in source
