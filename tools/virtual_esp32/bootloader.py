"""From reset to the program: what ROM and second-stage bootloader check in flash, and what they print.

What cannot happen here is the last step, running the app's machine code: the CPU is not emulated. The app must be
MicroPython, and MicroPython's unix port takes its place.
"""

from dataclasses import dataclass

from tools.virtual_esp32 import image, partitions
from tools.virtual_esp32.chips import Cause, Chip
from tools.virtual_esp32.flash import Flash

WHAT = "virtual {chip} board, CPU not emulated"


@dataclass(frozen=True)
class Boot:
    """What the console shows, and (offset, size) of the filesystem; None: nothing runs, the text says why."""

    text: str
    filesystem: tuple[int, int] | None


def first_words(chip: Chip, cause: Cause, download: bool = False) -> str:
    """The ROM's lines on the console."""
    return f"{chip.rom}{chip.reset_words[cause]},{chip.download if download else chip.run}"


def boot(chip: Chip, flash: Flash, cause: Cause) -> Boot:
    """Walk through the flash as the chip does after a reset into flash boot."""
    text = first_words(chip, cause)
    try:
        first = image.read(flash, chip.bootloader_at, partitions.TABLE_AT)
    except image.ImageFault as fault:
        word = flash.read(chip.bootloader_at, 4)[::-1].hex()
        return Boot(text + _lines(f"invalid header: 0x{word}", _advice(chip, str(fault))), None)
    text += "".join(f"load:0x{address:08x},len:{size}\r\n" for address, size in first.segments)
    text += f"entry 0x{first.entry:08x}\r\n"
    try:
        table = partitions.parse(flash.read(partitions.TABLE_AT, partitions.TABLE_SIZE), flash.size)
        room = partitions.filesystem(table, flash.size)
    except partitions.PartitionError as fault:
        return Boot(
            text + _lines(f"E (30) {fault}", "E (32) boot: load partition table error!", _advice(chip, "")), None
        )
    return _app(chip, flash, text, table, room)


def _app(chip: Chip, flash: Flash, text: str, table: list[partitions.Partition], room: tuple[int, int]) -> Boot:
    apps = [partition for partition in table if partition.kind == partitions.APP]
    if not apps:
        no_apps = "E (40) boot: No bootable app partitions in the partition table"
        return Boot(text + _lines(no_apps, _advice(chip, "")), None)
    try:
        app = image.read(flash, apps[0].at, apps[0].end)
    except image.ImageFault as fault:
        no_app = "E (60) boot: Factory app partition is not bootable"
        return Boot(text + _lines(f"E (50) {fault}", no_app, _advice(chip, "")), None)
    what = WHAT.format(chip=chip.name)
    if app.chip_id != chip.image_id:
        mismatch = f"E (50) boot_comm: mismatch chip ID, expected {chip.image_id}, found {app.chip_id}"
        return Boot(text + _lines(mismatch, _advice(chip, "this image is another chip's")), None)
    if not app.micropython:
        return Boot(text + _lines(f"{what}: it runs MicroPython only, and the app in flash is something else"), None)
    return Boot(text + _lines(f"{what}; MicroPython {app.micropython} in flash, its unix port in its place"), room)


def _lines(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines if line)


def _advice(chip: Chip, fault: str) -> str:
    what = WHAT.format(chip=chip.name)
    return f"{what}: {fault + '; ' if fault else ''}write a firmware image to 0x{chip.bootloader_at:x} with esptool"
