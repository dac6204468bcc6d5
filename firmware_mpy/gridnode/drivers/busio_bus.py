"""Buses of CircuitPython and Blinka (busio) with the methods of machine.I2C and machine.SPI that drivers here use."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circuitpython_typing import ReadableBuffer, WriteableBuffer

    from gridnode.drivers.buses import BusioI2C, BusioSPI


class BusioI2CRegisters:
    """`bus`: a busio.I2C. Locked for each transfer; OSError when another holds it, or the chip does not answer."""

    def __init__(self, bus: "BusioI2C"):
        self._bus = bus

    def readfrom_mem_into(self, address: int, register: int, buffer: "WriteableBuffer"):
        """Fill `buffer` from `register` on."""
        _lock(self._bus)
        try:
            self._bus.writeto_then_readfrom(address, bytes([register]), buffer)
        finally:
            self._bus.unlock()

    def writeto_mem(self, address: int, register: int, buffer: "ReadableBuffer"):
        """Write all of `buffer` to `register`."""
        _lock(self._bus)
        try:
            self._bus.writeto(address, bytes([register]) + bytes(buffer))
        finally:
            self._bus.unlock()


class BusioSpi:
    """`bus`: a busio.SPI. Locked and configured for each transfer; OSError when another holds it."""

    def __init__(self, bus: "BusioSPI", baud: int, polarity: int, phase: int):
        self._bus = bus
        self._baud, self._polarity, self._phase = baud, polarity, phase

    def write_readinto(self, write: "ReadableBuffer", read: "WriteableBuffer"):
        """Send `write` while as many bytes come into `read`."""
        _lock(self._bus)
        try:
            self._bus.configure(baudrate=self._baud, polarity=self._polarity, phase=self._phase)
            self._bus.write_readinto(write, read)
        finally:
            self._bus.unlock()


def _lock(bus):
    if not bus.try_lock():
        raise OSError("the bus is held by another")
