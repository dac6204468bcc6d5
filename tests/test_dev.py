"""The contributor's entry: environments are made once, mended after an interruption, installed by hash."""

import fcntl
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tools import dev, setup_env
from tools.setup_env import Environment, SetupError

PINNED = re.compile(r"[\w.-]+==[\w.]+( ; [^-]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
BARE = Environment(".venv", ("nothing",), editable=False)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A root of its own, with one empty lock."""
    (tmp_path / "pyproject.toml").write_text("")
    locks = tmp_path / "requirements"
    locks.mkdir()
    (locks / "nothing.txt").write_text("# nothing\n")
    monkeypatch.setattr(setup_env, "ROOT", tmp_path)
    monkeypatch.setattr(setup_env, "LOCKS", locks)
    return tmp_path


@pytest.fixture
def made(monkeypatch):
    """Counts the commands that a set-up would run, and runs none; makes the interpreter's file."""
    commands: list[list[str]] = []

    def pretend(command):
        commands.append(list(command))
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()

    monkeypatch.setattr(setup_env, "_run", pretend)
    return commands


def test_an_environment_is_made_once(clone, made):
    setup_env.ensure(BARE)
    count = len(made)
    assert setup_env.ensure(BARE) == clone / ".venv" / "bin" / "python"
    assert len(made) == count >= 2


@pytest.mark.parametrize(
    ("file", "text", "again"),
    [
        ("requirements/nothing.txt", "# another", True),
        ("pyproject.toml", "[project.scripts]\ngridnexus = 'somewhere:else'", True),
        ("pyproject.toml", "[tool.ruff]\nline-length = 80", False),
    ],
)
def test_only_what_is_installed_makes_it_anew(clone, made, file, text, again):
    setup_env.ensure(BARE)
    count = len(made)
    (clone / file).write_text(text)
    setup_env.ensure(BARE)
    assert len(made) == (2 * count if again else count)


def test_an_interrupted_set_up_is_done_again_from_the_start(clone, made, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(setup_env, "_install", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            setup_env.ensure(BARE)
    made.clear()
    setup_env.ensure(BARE)
    assert "--clear" in made[0]


def test_a_lost_interpreter_is_noticed(clone, made):
    setup_env.ensure(BARE).unlink()
    count = len(made)
    setup_env.ensure(BARE)
    assert len(made) == 2 * count


def test_packages_come_by_hash_and_without_a_compiler_from_wherever_pip_is_told(clone, made):
    setup_env.ensure(BARE)
    install = next(command for command in made if "--requirement" in command)
    assert {"--require-hashes", "--only-binary", "--no-deps"} <= set(install)
    assert not any("index" in word or "://" in word for word in install)


def python_in(clone, *lines: str) -> list[str]:
    """A command that runs `lines` in a process of its own, with `clone` as the project's root."""
    program = f"""
        import pathlib, sys
        sys.path.insert(0, {str(Path(dev.__file__).parent.parent)!r})
        from tools import setup_env
        setup_env.ROOT = pathlib.Path({str(clone)!r})
        setup_env.LOCKS = setup_env.ROOT / "requirements"
        bare = setup_env.Environment(".venv", ("nothing",), editable=False)
    """
    return [sys.executable, "-c", "\n".join([textwrap.dedent(program), *lines])]


@pytest.mark.slow
def test_two_at_once_make_one(clone):
    command = python_in(clone, "setup_env.ensure(bare)")
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Making .venv" in text for text in said) == 1
    assert subprocess.run([clone / ".venv" / "bin" / "python", "-c", ""], check=False).returncode == 0


def test_what_a_killed_set_up_leaves_running_is_waited_for(clone):
    left = "import os, time; open('started', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.01)"
    killed = subprocess.Popen(
        python_in(clone, "with setup_env._alone(bare):", f"    setup_env._run([sys.executable, '-c', {left!r}])")
    )
    while not (clone / "started").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    with open(clone / ".venv.lock", "w") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (clone / "go").touch()
        fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.mark.slow
def test_a_wrong_hash_is_refused_with_pips_own_words(clone):
    wheel = clone / "thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not what was locked")
    (clone / "requirements" / "nothing.txt").write_text(f"thing @ file://{wheel} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SetupError, match="DO NOT MATCH THE HASHES"):
        setup_env.ensure(BARE)
    assert not BARE.marker.exists()


def test_without_the_right_to_install_the_command_to_type_is_given(monkeypatch):
    monkeypatch.setattr(setup_env, "_privilege", lambda: None)
    with pytest.raises(SetupError, match="sudo apt-get install -y --no-install-recommends python3-thing"):
        setup_env.install_system("python3-thing", why="it is needed")


@pytest.mark.parametrize("ci", [True, False])
def test_a_missing_browser_is_an_error_in_ci_only(monkeypatch, ci):
    monkeypatch.setattr(setup_env, "_privilege", lambda: None)
    monkeypatch.setattr(setup_env, "chromium", lambda: None)
    monkeypatch.setenv("CI", "true" if ci else "")
    if ci:
        with pytest.raises(SetupError, match="apt-get install"):
            setup_env.ensure_chromium()
    else:
        assert setup_env.ensure_chromium() is None


def test_every_locked_package_is_pinned_hashed_and_has_no_address(root):
    locks = sorted((root / "tools" / "requirements").glob("*.txt"))
    assert {lock.stem for lock in locks} == set(dev.LOCK_SOURCES)
    for lock in locks:
        text = lock.read_text()
        assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", text), lock.name
        lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if not line.strip().startswith("#")]
        assert lines
        wrong = [line for line in lines if not PINNED.fullmatch(line)]
        assert not wrong, (lock.name, wrong)


def test_locks_that_share_an_environment_agree(root):
    for environment in (setup_env.DEV, setup_env.BENCH):
        versions: dict[str, set[str]] = {}
        for name in environment.locks:
            text = (root / "tools" / "requirements" / f"{name}.txt").read_text()
            # A package may have a version for each Python, and says for which.
            for package, version, of in re.findall(r"^([\w.-]+)==(\S+)( ; python_full_version.*)?", text, re.MULTILINE):
                versions.setdefault(package + of, set()).add(version)
        assert not {package: found for package, found in versions.items() if len(found) > 1}


def test_an_unknown_command_is_named(capsys):
    with pytest.raises(SystemExit) as ended:
        dev.main(["frobnicate"])
    assert ended.value.code == 2
    assert "frobnicate" in capsys.readouterr().err


def test_every_step_runs_and_the_failed_ones_are_named_last(capfd):
    steps = [
        dev.Step(name, [sys.executable, "-c", f"raise SystemExit({code})"]) for name, code in (("one", 3), ("two", 0))
    ]
    assert dev._run_all(steps) == 1
    said = capfd.readouterr().out
    assert "two: passed" in said
    assert said.strip().splitlines()[-1] == "FAILED: one"
    assert dev._run_all(steps[1:]) == 0


def test_a_file_that_needs_cpython_is_not_given_to_micropython(tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text("def test_a():\n    import hypothesis.strategies\n")
    assert dev._imports(file) & dev.CPYTHON_ONLY == {"hypothesis"}
    file.write_text("from gridnode.wire import frame\nimport struct\n")
    assert not dev._imports(file) & dev.CPYTHON_ONLY
