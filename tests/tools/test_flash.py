"""Flashing: whole, refused before anything is touched, or told how far; and verifying finds one flipped byte."""

import errno
import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from littlefs import LittleFS
from serial.tools.list_ports_common import ListPortInfo

from tests.tools.boot_rom_drive import BootRomDrive
from tools import find_port, flash, flash_rp2040, uf2
from tools.find_port import PortError
from tools.flash_esp32 import Esp32Loader, LoaderError
from tools.nodes import find_micropython
from tools.virtual_esp32 import VirtualEsp32

FLASH_BYTES = 4 << 20


def write_build(folder, board, mcu, files):
    """A build as tools.build leaves it; `files`: name -> (offset or None, content)."""
    folder.mkdir()
    facts = {}
    for name, (offset, content) in files.items():
        (folder / name).write_bytes(content)
        facts[name] = {"offset": offset, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"board": board, "mcu": mcu, "files": facts}))
    return folder


NODE_FILES = {"main.py": b"print('node')\n" * 400, "unit.json": b'{"name": "home-1"}'}


def disk(files):
    """A file system image of 64 KiB."""
    made = LittleFS(block_size=4096, block_count=16)
    for name, content in files.items():
        with made.open(name, "wb") as file:
            file.write(content)
    return bytes(made.context.buffer)


@pytest.fixture
def esp32_build(tmp_path):
    source = random.Random(1)
    parts = {"firmware.bin": (0x1000, source.randbytes(70_001)), "filesystem.img": (0x200000, disk(NODE_FILES))}
    return write_build(tmp_path / "build", "esp32_devkit", "esp32", parts)


@pytest.fixture
def pico_build(tmp_path):
    program, files = random.Random(2).randbytes(300_000), disk(NODE_FILES)
    whole = uf2.pack([(0, program), (0xA0000, files)])
    parts = {"firmware.uf2": (None, whole), "flash.bin": (0, uf2.unpack(whole)), "filesystem.img": (None, files)}
    return write_build(tmp_path / "build", "rpi_pico", "rp2040", parts)


@pytest.fixture
def esp32(tmp_path):
    with VirtualEsp32(tmp_path / "flash.bin", interpreter=Path(find_micropython())) as board:
        yield board


def run(*arguments):
    return flash.main([str(argument) for argument in arguments])


# An ESP32 under its loader (virtual board, CPU not emulated)


@pytest.mark.slow
def test_a_build_is_written_read_back_and_started(esp32, esp32_build, tmp_path, capsys):
    assert run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--yes", "--json") == 0
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert (report["chip"], report["flash_bytes"]) == ("ESP32", FLASH_BYTES)
    assert report["written"] and report["verified"]
    assert report["parts"] == [
        {"file": "firmware.bin", "offset": 0x1000, "bytes": 70_001},
        {"file": "filesystem.img", "offset": 0x200000, "bytes": 65_536},
    ]
    assert "write firmware.bin: 70001 bytes at 0x1000" in told.err and "erased" in told.err
    chip = (tmp_path / "flash.bin").read_bytes()
    for name, offset in (("firmware.bin", 0x1000), ("filesystem.img", 0x200000)):
        content = (esp32_build / name).read_bytes()
        assert chip[offset : offset + len(content)] == content
    assert "SPI_FAST_FLASH_BOOT" in esp32.log().rpartition("rst:")[2]


def flip(file, place):
    """One bit in a file, where nobody but a byte-by-byte comparison sees it."""
    with file.open("r+b") as out:
        out.seek(place)
        byte = out.read(1)[0]
        out.seek(place)
        out.write(bytes([byte ^ 0x10]))


@pytest.mark.slow
def test_verify_finds_one_flipped_bit_and_writes_nothing(esp32, esp32_build, tmp_path, capsys):
    run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--yes")
    flip(tmp_path / "flash.bin", 0x208765)
    before = (tmp_path / "flash.bin").read_bytes()
    assert run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--verify") == 1
    assert "does not hold this build: it differs first at 0x208765: flash it again" in capsys.readouterr().err
    assert (tmp_path / "flash.bin").read_bytes() == before
    flip(tmp_path / "flash.bin", 0x208765)
    assert run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--verify", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verified"] and not report["written"]


@pytest.mark.slow
def test_verify_tells_what_a_node_that_ran_has_written_from_damage(esp32, esp32_build, tmp_path, capsys):
    run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--yes")
    chip = tmp_path / "flash.bin"

    def verify(files):
        with chip.open("r+b") as out:
            out.seek(0x200000)
            out.write(disk(files))
        capsys.readouterr()
        code = run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--verify")
        return code, "".join(capsys.readouterr())

    code, told = verify(NODE_FILES | {"boot_epoch": b"3"})
    assert code == 0 and "every file is as built; the node has added boot_epoch" in told
    code, told = verify(NODE_FILES | {"boot_epoch": b"3", "main.py": b"print('mode')\n" * 400})
    assert code == 1 and ", in main.py: flash it again" in told
    code, told = verify({"main.py": NODE_FILES["main.py"], "boot_epoch": b"3"})
    assert code == 1 and ", in unit.json: flash it again" in told
    flip(chip, 0x1000)
    code, told = verify(NODE_FILES | {"boot_epoch": b"3"})
    assert code == 1 and "differs first at 0x1000: flash it again" in told


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4096, 4097, 70_001])
def test_the_first_difference_is_named_wherever_it_is(tmp_path, size):
    chip, content = tmp_path / "flash.bin", random.Random(size).randbytes(size)
    with VirtualEsp32(chip, interpreter=Path(find_micropython())) as board, Esp32Loader(board.url, "ESP32") as loader:
        loader.write([(0x10000, content)])
        assert loader.first_difference([(0x10000, content)]) is None
        flip(chip, 0x10000 + size - 1)
        assert loader.first_difference([(0x10000, content)]) == 0x10000 + size - 1
        for place in {size // 2, min(size // 2, 4096), 0}:
            flip(chip, 0x10000 + place)  # the later ones must not hide it
            assert loader.first_difference([(0x10000, content)]) == (0x10000 + place if size > 1 else None)
            flip(chip, 0x10000 + place)


@pytest.mark.slow
def test_a_wrong_chip_is_refused_and_started_again(tmp_path, esp32_build, capsys):
    with VirtualEsp32(tmp_path / "c3.bin", chip="esp32c3", interpreter=Path(find_micropython())) as board:
        before = (tmp_path / "c3.bin").read_bytes()
        assert run("esp32_devkit", "--image", esp32_build, "--port", board.url, "--yes") == 1
        assert "this board has an ESP32-C3, not an ESP32: nothing was written" in capsys.readouterr().err
        assert (tmp_path / "c3.bin").read_bytes() == before
        assert "SPI_FAST_FLASH_BOOT" in board.log().rpartition("rst:")[2]


@pytest.mark.slow
def test_a_flash_that_is_too_small_is_refused(tmp_path, esp32_build, capsys):
    with VirtualEsp32(tmp_path / "small.bin", bytes=2 << 20, interpreter=Path(find_micropython())) as board:
        assert run("esp32_devkit", "--image", esp32_build, "--port", board.url, "--yes") == 1
    assert f"flash too small: {2 << 20} bytes, the build needs {0x200000 + 65_536}" in capsys.readouterr().err
    assert set((tmp_path / "small.bin").read_bytes()) == {0xFF}


@pytest.mark.slow
def test_without_a_person_and_without_yes_nothing_is_written(esp32, esp32_build, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert run("esp32_devkit", "--image", esp32_build, "--port", esp32.url) == 1
    assert "add --yes; nothing was written" in capsys.readouterr().err
    assert set((tmp_path / "flash.bin").read_bytes()) == {0xFF}


@pytest.mark.parametrize("answer", ["y\n", "YES\n", "n\n", "\n", ""])
def test_a_person_is_asked(capsys, monkeypatch, answer):
    class Person:
        def isatty(self):
            return True

        def readline(self):
            return answer

    monkeypatch.setattr(sys, "stdin", Person())
    report = {"board": "b", "place": "p", "chip": "c", "flash_bytes": None, "parts": [], "written": False}
    if answer.strip().lower() in ("y", "yes"):
        flash._asked(report, yes=False)
    else:
        with pytest.raises(flash.FlashError, match="nothing was written"):
            flash._asked(report, yes=False)
    assert report["written"] == (answer.strip().lower() in ("y", "yes"))
    assert capsys.readouterr().err.endswith("Flash it? [y/N] ")


@pytest.mark.slow
def test_a_board_that_never_answers(esp32_build, capsys):
    ours, theirs = os.openpty()
    assert run("esp32_devkit", "--image", esp32_build, "--port", os.ttyname(theirs), "--yes") == 1
    assert "no loader answers" in capsys.readouterr().err
    os.close(ours)
    os.close(theirs)


@pytest.mark.slow
def test_a_board_that_goes_away_half_way_says_how_far_and_can_be_flashed_again(esp32, esp32_build, tmp_path, capsys):
    parts = [(0x1000, bytes(1000)), (0x10000, random.Random(5).randbytes(200_000))]

    def pull(done, of):
        if of > 100_000 and done > of // 2:
            esp32.power_off()

    with pytest.raises(LoaderError, match=r"stopped in part 2 of 2 \(at 0x10000\), \d+ %.*flashing again is safe"):
        with Esp32Loader(esp32.url, "ESP32", progress=pull) as loader:
            loader.write(parts)
    esp32.power_on()
    assert run("esp32_devkit", "--image", esp32_build, "--port", esp32.url, "--yes") == 0


# The build is checked before a port is touched: here no port exists


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "firmware.bin").write_bytes(bytes(70_001)), "firmware.bin is corrupted"),
        (
            lambda folder: os.truncate(folder / "filesystem.img", 4096),
            "has 4096 bytes instead of 65536: it is cut short",
        ),
        (lambda folder: (folder / "filesystem.img").unlink(), "filesystem.img: No such file"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json: No such file"),
        (lambda folder: os.truncate(folder / "manifest.json", 30), "manifest.json is damaged"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "no manifest of tools.build"),
        (
            lambda folder: (folder / "manifest.json").write_text('{"board": "esp32_devkit"}'),
            "no manifest of tools.build",
        ),
    ],
)
def test_a_damaged_build_is_refused_before_any_port_is_opened(esp32_build, capsys, damage, told):
    damage(esp32_build)
    assert run("esp32_devkit", "--image", esp32_build, "--port", "/dev/not-there", "--yes") == 1
    said = capsys.readouterr().err
    assert told in said and "not-there" not in said
    assert "gridnexus build esp32_devkit" in said


def test_a_build_for_another_board_is_refused(esp32_build, capsys):
    assert run("esp32_c3_devkit", "--image", esp32_build, "--yes") == 1
    assert "is a build for esp32_devkit, not for esp32_c3_devkit" in capsys.readouterr().err


def test_a_board_that_is_not_flashed_says_so(capsys):
    assert run("pi_gpio", "--yes") == 1
    assert "nothing to flash" in capsys.readouterr().err


# Ports


def port(device, vid=None, pid=None):
    info = ListPortInfo(device)
    info.vid, info.pid = vid, pid
    return info


CP210X = port("/dev/ttyUSB7", 0x10C4, 0xEA60)
PICO = port("/dev/ttyACM7", 0x2E8A, 0x0005)
PLAIN = port("/dev/ttyS7")


def test_the_one_port_that_matches_is_taken():
    assert find_port.find("esp32", lambda: [PLAIN, CP210X, PICO]) == "/dev/ttyUSB7"
    assert find_port.find("rp2040", lambda: [PLAIN, CP210X, PICO]) == "/dev/ttyACM7"
    assert find_port.find(None, lambda: [PLAIN, PICO]) == "/dev/ttyACM7"


@pytest.mark.parametrize(
    ("mcu", "listed", "told"),
    [
        ("esp32", [], "there is no serial port at all"),
        ("esp32", [PLAIN, PICO], "/dev/ttyACM7  2e8a:0005 MicroPython on a Raspberry Pi Pico"),
        (
            "esp32",
            [CP210X, port("/dev/ttyUSB8", 0x1A86, 0x7523)],
            "2 ports could have a board with esp32 behind them; choose with --port",
        ),
        (None, [CP210X, PICO], "choose with --port"),
    ],
)
def test_none_or_more_than_one_lists_what_was_seen(mcu, listed, told):
    with pytest.raises(PortError, match=told.replace("(", r"\(")):
        find_port.find(mcu, lambda: listed)


def test_a_port_in_use_names_who_uses_it(esp32_build, capsys):
    ours, theirs = os.openpty()
    lock = f"import fcntl, sys\nport = open({os.ttyname(theirs)!r})\n"
    lock += "fcntl.flock(port, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert run("esp32_devkit", "--image", esp32_build, "--port", os.ttyname(theirs), "--yes") == 1
        assert "in use by another program" in capsys.readouterr().err
        other.stdin.close()
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_a_port_without_permission_names_the_group(tmp_path):
    ours, theirs = os.openpty()
    os.chmod(os.ttyname(theirs), 0)
    program = "import os\nfrom tools import find_port\nos.setgroups([]); os.setuid(65534)\n"
    program += f"find_port.check({os.ttyname(theirs)!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "no permission: sudo usermod -aG" in done.stderr and "$USER" in done.stderr
    os.close(ours)
    os.close(theirs)


def test_what_is_no_port(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PortError, match="is no serial port"):
        find_port.check(str(tmp_path / "file"))
    with pytest.raises(PortError, match="not there"):
        find_port.check(str(tmp_path / "nothing"))


# A Pico by its drive


def test_a_pico_takes_the_file_and_restarts(tmp_path, pico_build, capsys):
    with BootRomDrive(tmp_path / "RPI-RP2") as drive:
        assert run("rpi_pico", "--image", pico_build, "--drive", drive.folder, "--yes", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["written"] and not report["verified"] and report["chip"] == "Raspberry Pi RP2"
    assert drive.flash == (pico_build / "flash.bin").read_bytes()


def test_words_say_that_a_drive_is_not_read_back(tmp_path, pico_build, capsys):
    with BootRomDrive(tmp_path / "RPI-RP2") as drive:
        run("rpi_pico", "--image", pico_build, "--drive", drive.folder, "--yes")
    assert "not read back" in capsys.readouterr().out
    assert run("rpi_pico", "--image", pico_build, "--drive", tmp_path, "--verify") == 1
    assert "install picotool" in capsys.readouterr().err


def test_a_drive_of_another_chip_or_none_is_refused(tmp_path, pico_build, capsys):
    with BootRomDrive(tmp_path / "RP2350", board_id="RP2350") as drive:
        assert run("rpi_pico", "--image", pico_build, "--drive", drive.folder, "--yes") == 1
        assert "another chip (RP2350), not RPI-RP2" in capsys.readouterr().err
        assert [path.name for path in drive.folder.iterdir()] == ["INFO_UF2.TXT"]
    assert run("rpi_pico", "--image", pico_build, "--drive", tmp_path, "--yes") == 1
    assert "has no INFO_UF2.TXT. Hold BOOTSEL" in capsys.readouterr().err


def test_a_pico_that_goes_away_half_way_says_how_far(tmp_path, pico_build, monkeypatch):
    image = (pico_build / "firmware.uf2").read_bytes()
    sync, calls = os.fdatasync, []
    drive = BootRomDrive(tmp_path / "RPI-RP2")

    def pulled(file):
        calls.append(file)
        if len(calls) == 3:
            drive._go()
            raise OSError(errno.EIO, "Input/output error")
        sync(file)

    monkeypatch.setattr(os, "fdatasync", pulled)
    with pytest.raises(
        flash_rp2040.DriveError, match=f"the board went away after 131072 of {len(image)} bytes.*is safe"
    ):
        flash_rp2040.copy(image, drive.folder)


def test_a_pico_that_restarts_before_its_drive_is_done_is_no_failure(tmp_path, pico_build, monkeypatch):
    """It has all blocks and does not wait for what the system still wants of its drive."""
    image = (pico_build / "firmware.uf2").read_bytes()
    drive, left = BootRomDrive(tmp_path / "RPI-RP2"), [-(-len(image) // flash_rp2040.CHUNK_BYTES)]

    def gone(file):
        left[0] -= 1
        if not left[0]:
            drive._go()
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", gone)
    flash_rp2040.copy(image, drive.folder)
    assert left == [0]


def test_a_drive_that_stays_has_not_taken_the_file(tmp_path, monkeypatch):
    drive = BootRomDrive(tmp_path / "RPI-RP2")
    monkeypatch.setattr(flash_rp2040, "TAKEN_WITHIN_S", 0.1)
    with pytest.raises(flash_rp2040.DriveError, match="did not take the file"):
        flash_rp2040.copy(b"no uf2", drive.folder)


def test_a_full_drive_is_told(tmp_path, pico_build, monkeypatch):
    drive = BootRomDrive(tmp_path / "RPI-RP2")

    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(flash_rp2040.DriveError, match="No space left on device after 0 of"):
        flash_rp2040.copy(b"x" * 1000, drive.folder)


def test_the_one_drive_that_is_mounted_is_found(tmp_path):
    mounts = tmp_path / "mounts"
    BootRomDrive(tmp_path / "a drive")
    (tmp_path / "stick").mkdir()
    mounts.write_text(f"/dev/sda1 {tmp_path}/a\\040drive vfat rw 0 0\n/dev/sdb1 {tmp_path}/stick vfat rw 0 0\n")
    assert flash_rp2040.find_drive(mounts) == tmp_path / "a drive"
    BootRomDrive(tmp_path / "second")
    mounts.write_text(mounts.read_text() + f"/dev/sdc1 {tmp_path}/second vfat rw 0 0\n")
    with pytest.raises(flash_rp2040.DriveError, match="2 boards show a drive; choose with --drive"):
        flash_rp2040.find_drive(mounts)


def test_no_drive_says_how_to_get_one(tmp_path):
    (tmp_path / "mounts").write_text("")
    with pytest.raises(flash_rp2040.DriveError, match="hold BOOTSEL while you plug the board in"):
        flash_rp2040.find_drive(tmp_path / "mounts", tmp_path / "labels")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "RPI-RP2").write_text("")
    with pytest.raises(flash_rp2040.DriveError, match="not mounted: udisksctl mount -b"):
        flash_rp2040.find_drive(tmp_path / "mounts", tmp_path / "labels")


# A Pico by picotool: a stand-in that knows the command lines of its manual and keeps the flash in a file

PICOTOOL = """\
#!{python}
import os, sys
sys.path.insert(0, {root!r})
from tools import uf2
chip = {chip!r}
match sys.argv[1:]:
    case ["info"]:
        sys.exit(0 if os.path.exists(chip) else 249)
    case ["load", file, "-t", "uf2"]:
        open(chip, "wb").write(uf2.unpack(open(file, "rb").read()))
    case ["save", "-r", start, end, file, "-t", "bin"]:
        flash = open(chip, "rb").read()
        open(file, "wb").write(flash[int(start, 16) - 0x10000000 : int(end, 16) - 0x10000000])
    case ["reboot"]:
        open(chip + ".restarted", "w").close()
    case _:
        sys.exit("ERROR: unexpected argument")
"""


@pytest.fixture
def picotool(tmp_path, monkeypatch, root):
    program, chip = tmp_path / "bin" / "picotool", tmp_path / "chip"
    program.parent.mkdir()
    program.write_text(PICOTOOL.format(python=sys.executable, root=str(root), chip=str(chip)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    chip.write_bytes(b"")
    return chip


def test_picotool_reads_back_what_it_wrote(picotool, pico_build, capsys):
    assert run("rpi_pico", "--image", pico_build, "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["verified"]
    assert picotool.read_bytes() == (pico_build / "flash.bin").read_bytes()
    assert Path(f"{picotool}.restarted").exists()


def test_picotool_finds_one_flipped_bit(picotool, pico_build, capsys):
    run("rpi_pico", "--image", pico_build, "--yes")
    raw = bytearray(picotool.read_bytes())
    raw[0xA8234] ^= 1
    picotool.write_bytes(raw)
    assert run("rpi_pico", "--image", pico_build, "--verify") == 1
    assert "differs first at 0xa8234" in capsys.readouterr().err
    picotool.write_bytes(raw[:0x9000])
    assert run("rpi_pico", "--image", pico_build, "--verify") == 1
    assert "differs first at 0x9000" in capsys.readouterr().err


def test_picotool_that_fails_is_told_with_its_words(picotool):
    with pytest.raises(flash_rp2040.DriveError, match="picotool load failed: .*flashing again is safe|failed"):
        flash_rp2040.Picotool(str(picotool.parent / "bin" / "picotool"))._run("load", "nonsense")
