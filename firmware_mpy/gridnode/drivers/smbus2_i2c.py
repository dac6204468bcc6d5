"""An I2C bus of Linux (smbus2) with the two methods of machine.I2C that drivers here use."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circuitpython_typing import ReadableBuffer, WriteableBuffer

    from gridnode.drivers.buses import I2C


class Smbus2I2C:
    """`bus`: an smbus2.SMBus. At most 32 bytes a transfer; both methods raise OSError when the chip does not answer."""

    def __init__(self, bus):
        self._bus = bus

    def readfrom_mem_into(self, address: int, register: int, buffer: "WriteableBuffer"):
        """Fill `buffer` from `register` on."""
        octets = self._bus.read_i2c_block_data(address, register, len(buffer))
        if len(octets) != len(buffer):
            raise OSError("I2C 0x%02x gave %d bytes instead of %d" % (address, len(octets), len(buffer)))
        for index, octet in enumerate(octets):
            buffer[index] = octet

    def writeto_mem(self, address: int, register: int, buffer: "ReadableBuffer"):
        """Write all of `buffer` to `register`."""
        self._bus.write_i2c_block_data(address, register, list(buffer))


def open_bus(number: int) -> "I2C":
    """The bus /dev/i2c-`number`. Raises RuntimeError that says what to do when it is not there."""
    try:
        from smbus2 import SMBus
    except ImportError:
        raise RuntimeError("the meter's I2C bus needs smbus2: pip install smbus2") from None
    try:
        return Smbus2I2C(SMBus(number))
    except OSError as error:
        raise RuntimeError(
            "cannot open /dev/i2c-%d (%s): switch I2C on (raspi-config, Interface Options) and join the group i2c"
            % (number, error)
        ) from None
