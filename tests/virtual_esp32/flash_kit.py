"""Flash contents for the virtual board: small images that its bootloader takes for MicroPython, and a filesystem."""

import hashlib
import struct
from pathlib import Path

from littlefs import LittleFS

from tools.nodes import find_micropython
from tools.virtual_esp32.chips import CHIPS
from tools.virtual_esp32.image import xor

SIZE = 1 << 20
TABLE_AT, APP_AT, APP_SIZE, FILES_AT = 0x8000, 0x10000, 0x10000, 0x20000
INTERPRETER = Path(find_micropython())
HEAP = "512k"  # this interpreter may be a 64-bit one


def make_image(chip="esp32", content=b"MicroPython v9.8.7 on 2026-11-23; made by hand", chip_id=None):
    """One segment, with checksum and hash."""
    content += bytes(-len(content) % 4)
    chip_id = CHIPS[chip].image_id if chip_id is None else chip_id
    head = struct.pack("<BBBBI4sH9xB", 0xE9, 1, 2, 0x20, 0x400805A8, b"", chip_id, 1)
    body = head + struct.pack("<II", 0x3F400020, len(content)) + content
    body += bytes(15 - len(body) % 16) + bytes((0xEF ^ xor(content),))
    return body + hashlib.sha256(body).digest()


def make_table(*entries):
    """`entries`: (label, kind, subkind, at, size); with the MD5 sum at its end."""
    rows = b"".join(
        struct.pack("<HBBII16sI", 0x50AA, kind, subkind, at, size, label.encode(), 0)
        for label, kind, subkind, at, size in entries
    )
    rows += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows).digest()
    return rows.ljust(0xC00, b"\xff")


TABLE = make_table(("nvs", 1, 2, 0x9000, 0x6000), ("factory", 0, 0, APP_AT, APP_SIZE))


def make_filesystem(files, size=SIZE - FILES_AT):
    disk = LittleFS(block_size=4096, block_count=size // 4096, prog_size=32, read_size=32, lookahead_size=32)
    for name, content in files.items():
        with disk.open("/" + name, "wb") as file:
            file.write(content)
    return bytes(disk.context.buffer)


def read_file(flash, name):
    """A file's content, out of the flash file."""
    disk = LittleFS(block_size=4096, block_count=(SIZE - FILES_AT) // 4096, prog_size=32, read_size=32, mount=False)
    disk.context.buffer = bytearray(flash.read_bytes()[FILES_AT:])
    disk.mount()
    with disk.open("/" + name, "rb") as file:
        return file.read()


def make_flash(path, main="", chip="esp32", **parts):
    """The flash of a board that boots `main`; `parts`: other contents of bootloader, table, app, files."""
    content = bytearray(b"\xff" * SIZE)
    files = parts.get("files", make_filesystem({"main.py": main.encode()} if main else {}))
    places = [
        (CHIPS[chip].bootloader_at, parts.get("bootloader", make_image(chip, b"second stage"))),
        (TABLE_AT, parts.get("table", TABLE)),
        (APP_AT, parts.get("app", make_image(chip))),
        (FILES_AT, files),
    ]
    for at, piece in places:
        content[at : at + len(piece)] = piece
    path.write_bytes(content)
    return path
