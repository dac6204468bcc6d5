"""A chip on an SPI bus of Linux (spidev) with the method of machine.SPI that drivers here use."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circuitpython_typing import ReadableBuffer, WriteableBuffer

    from gridnode.drivers.buses import SPI


class SpidevSpi:
    """`device`: an open spidev.SpiDev. The kernel selects the chip for each transfer: the drivers' select is `int`."""

    def __init__(self, device):
        self._device = device

    def write_readinto(self, write: "ReadableBuffer", read: "WriteableBuffer"):
        """Send `write` while as many bytes come into `read`. Raises OSError, and ValueError on different lengths."""
        if len(write) != len(read):
            raise ValueError("SPI: %d bytes to send, room for %d" % (len(write), len(read)))
        octets = self._device.xfer2(list(write))
        for index, octet in enumerate(octets):
            read[index] = octet


def open_bus(bus: int, select: int, baud: int, polarity: int, phase: int) -> "SPI":
    """/dev/spidev`bus`.`select`. Raises RuntimeError that says what to do when it is not there."""
    try:
        from spidev import SpiDev
    except ImportError:
        raise RuntimeError("a chip on the SPI bus needs spidev: pip install spidev") from None
    device = SpiDev()
    try:
        device.open(bus, select)
        device.max_speed_hz = baud
        device.mode = polarity << 1 | phase
    except OSError as error:
        raise RuntimeError(
            "cannot open /dev/spidev%d.%d (%s): switch SPI on (raspi-config, Interface Options) and join the group spi"
            % (bus, select, error)
        ) from None
    return SpidevSpi(device)
