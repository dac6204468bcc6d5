"""A node's modules call their own things by short names, and nothing that anybody else could mean is renamed."""

import ast
import os
import subprocess

import pytest

from tools import boards, images, node_files, real_names, short_names, uf2
from tools.nodes import find_micropython

COUNTER = """
from machine import Pin

class Counter:
    def __init__(self, number):
        self._pin = Pin(number)
        self.edges = 0
        self.shown = 0

    def _rose(self, pin):
        self.edges += 1

    def begin(self):
        self._pin.irq(self._rose)
        return getattr(self, "reading", None)

    def reading(self):
        return self.edges
"""
USER = "from gridnode.counter import Counter\nmade = Counter(number=3)\nmade.begin()\nprint(made.shown)\n"
# The same whatever things are called.
WORK = """
from gridnode.wire import cbor
from gridnode.wire.channel import NodeChannel
from gridnode.switching.contactor import Contactor
channel = NodeChannel("home", [(1, bytes(32))], 7, lambda bits: 5)
print(bytes(channel.packet[:channel.offer()]), cbor.decode(b"\\x82\\x01\\x18\\x20"))
try:
    channel.message([1])
except Exception as error:
    print(error)
"""


def short(**modules):
    """Modules of gridnode by name, as their text with short names."""
    sources = {f"gridnode/{name}.py": text.encode() for name, text in modules.items()}
    done = short_names.shortened(sources | {"main.py": b"from gridnode.user import made\n"})
    return {path.removeprefix("gridnode/")[:-3]: text.decode() for path, text in done.items()}


def names(text):
    return set(short_names._names(ast.walk(ast.parse(text))))


def test_own_names_get_short_ones_and_what_others_name_does_not():
    done = short(counter=COUNTER, user=USER)
    said = names(done["counter"])
    assert not {"_pin", "_rose", "edges"} & said
    assert {"Counter", "begin", "shown", "number", "irq", "Pin", "__init__"} <= said
    assert "reading" in said  # somebody has it as a text
    assert names(done["user"]) == names(USER)
    assert done["main"] == "from gridnode.user import made\n"


def test_one_name_stands_for_one_thing():
    assert len(names(short(counter=COUNTER)["counter"])) == len(names(COUNTER)) - 1  # both parameters are `a`


@pytest.mark.slow
@pytest.mark.parametrize("board", ["rpi_pico", "rpi_pico_w", "esp32_devkit"])
def test_new_names_are_words_of_the_firmware(board):
    """They take no memory there."""
    found = boards.load(board)
    image = images.image(found.manifest["IMAGE"])
    content = image.path.read_bytes()
    firmware = uf2.unpack(content) if image.format == "uf2" else content
    new = {word for short in node_files.long_names(found).values() for word in short if not word.startswith("_")}
    assert len(new) > 50
    assert {word for word in new if b"\0%s\0" % word.encode() not in firmware} == set()


def test_modules_do_as_before(tmp_path):
    sources = node_files._sources(boards.load("rpi_pico"), None, {})
    said = []
    for name, files in (("long", sources), ("short", short_names.shortened(sources))):
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(text)
        command = [find_micropython(), "-c", WORK]
        environment = {**os.environ, "MICROPYPATH": str(tmp_path / name)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1]
    assert "no session" in said[0]


@pytest.mark.slow
def test_what_a_tracebacks_name_stands_for_is_told(capsys):
    module = "gridnode.switching.contactor"
    found = node_files.long_names(boards.load("rpi_pico"))[module.replace(".", "/") + ".py"]
    new, name = next(iter(found.items()))
    assert real_names.main(["rpi_pico", new]) == 0
    assert f"{module}: {new} is {name}\n" in capsys.readouterr().out
    assert real_names.main(["no_such_board"]) == 1


def test_another_program_finds_all_names_as_they_are(tmp_path):
    program = tmp_path / "blink.py"
    program.write_text("import gridnode.wire.frame\n")
    board = boards.load("rpi_pico")
    assert b"_overlong" in node_files.node_files(board, None, program)["gridnode/wire/frame.mpy"]
    assert b"_overlong" not in node_files.node_files(board, None)["gridnode/wire/frame.mpy"]
