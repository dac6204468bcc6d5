"""What the drivers here ask of the buses that they are given, for the type checker alone: nothing loads this file.

machine.I2C and machine.SPI fit as they are; for Linux smbus2_i2c and spidev_spi do, and busio_bus makes those of
CircuitPython and Blinka (busio) fit. Buffers: adafruit-circuitpython-typing.
"""

from typing import Protocol

from circuitpython_typing import ReadableBuffer, WriteableBuffer

class I2C(Protocol):
    """Registers of chips on an I2C bus. Both raise OSError when the chip does not answer or the bus is stuck."""

    def readfrom_mem_into(self, address: int, register: int, buffer: WriteableBuffer, /) -> None:
        """Fill `buffer` from `register` on."""
    def writeto_mem(self, address: int, register: int, buffer: ReadableBuffer, /) -> None:
        """Write all of `buffer` to `register`."""

class SPI(Protocol):
    """Both ways at once, most significant bit first."""

    def write_readinto(self, write: ReadableBuffer, read: WriteableBuffer, /) -> None:
        """Send `write` while as many bytes come into `read`. May raise OSError."""

class Select(Protocol):
    """A chip's select line: machine.Pin is one. `int` is one that does nothing, for a bus that selects by itself."""

    def __call__(self, level: int, /) -> object: ...

class Stream(Protocol):
    """A serial line that never waits: None or 0 when there is nothing to read, or no room to write."""

    def readinto(self, buffer: WriteableBuffer, /) -> int | None: ...
    def write(self, data: ReadableBuffer, /) -> int | None: ...

class BusioI2C(Protocol):
    """What busio_bus asks of busio.I2C."""

    def try_lock(self) -> bool: ...
    def unlock(self) -> None: ...
    def writeto(self, address: int, buffer: ReadableBuffer, /) -> None: ...
    def writeto_then_readfrom(
        self, address: int, out_buffer: ReadableBuffer, in_buffer: WriteableBuffer, /
    ) -> None: ...

class BusioSPI(Protocol):
    """What busio_bus asks of busio.SPI."""

    def try_lock(self) -> bool: ...
    def unlock(self) -> None: ...
    def configure(self, *, baudrate: int, polarity: int, phase: int) -> None: ...
    def write_readinto(self, buffer_out: ReadableBuffer, buffer_in: WriteableBuffer, /) -> None: ...
