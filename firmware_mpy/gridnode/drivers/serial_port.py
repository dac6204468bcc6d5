"""A serial port of a Pi as a stream that never waits, for meters that a microcontroller would have on a UART."""


class SerialPort:
    """`readinto(buffer)` and `write(data)`; both raise OSError when it is gone. port: pyserial's, with timeout 0."""

    def __init__(self, port):
        self._port = port
        self.write = port.write
        self.close = port.close

    def readinto(self, buffer) -> int:
        """What has come in, at most a buffer full; 0 if nothing."""
        octets = self._port.read(len(buffer))
        buffer[: len(octets)] = octets
        return len(octets)


def open_port(path: str, baud: int) -> SerialPort:
    """The port at `path`, 8N1. Raises RuntimeError that says what to do when it is not there."""
    try:
        from serial import Serial, SerialException
    except ImportError:
        raise RuntimeError("a meter on a serial port needs pyserial: pip install pyserial") from None
    try:
        return SerialPort(Serial(path, baud, timeout=0, write_timeout=0))
    except SerialException as error:
        raise RuntimeError("%s: is it plugged in, and are you in the group dialout?" % error) from None
