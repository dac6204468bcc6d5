"""A literal of a radio that is a chip, or a gateway board -> its driver. Only the one that it names is loaded.

On a microcontroller the literal names pins, on a Pi (no "sck") the bus, the select's number, a GPIO chip and its lines;
{"driver": "serial_radio", "port": path} is a gateway board at a serial port of a Pi.
"""

BAUD = 5_000_000  # of SPI, in its mode 0: the SX1276 takes 10 MHz, the SX1262 16


def make_chip_radio(spec: dict):
    """The radio. Raises ValueError for an unknown driver, and on a Pi RuntimeError that says what to do."""
    driver = spec["driver"]
    if driver == "serial_radio":
        from gridnode.drivers.serial_radio import open_radio

        return open_radio(spec["port"])
    if driver == "sx1276":
        from gridnode.drivers.sx1276 import Sx1276

        spi, select, reset, _, edges = _wires(spec, spec["dio0"])
        return Sx1276(spi, select, reset, spec.get("sync_word", 0x12), edges)
    if driver == "sx1262":
        from gridnode.drivers.sx1262 import Sx1262

        spi, select, reset, busy, edges = _wires(spec, spec["dio1"])
        return Sx1262(
            spi, select, reset, busy, spec.get("sync_word", 0x12), edges, spec["tcxo_mv"], spec["dio2_switch"]
        )
    raise ValueError("no radio driver called %s" % driver)


def _wires(spec: dict, event: int) -> tuple:
    """(SPI, select, reset, BUSY or None, edges of the pin that says when something ended)."""
    if "sck" not in spec:
        return _wires_of_a_pi(spec, event)
    from machine import SPI, Pin

    from gridnode.drivers.pin_edges import PinEdges

    spi = SPI(
        spec["bus"],
        baudrate=BAUD,
        sck=Pin(spec["sck"]),
        mosi=Pin(spec["mosi"]),
        miso=Pin(spec["miso"]),
    )
    busy = Pin(spec["busy"], Pin.IN) if "busy" in spec else None
    reset = Pin(spec["reset"], Pin.OUT, value=1)
    return spi, Pin(spec["select"], Pin.OUT, value=1), reset, busy, PinEdges(event, 1)


def _wires_of_a_pi(spec: dict, event: int) -> tuple:
    from gridnode.drivers.gpiod_edges import open_edges
    from gridnode.drivers.gpiod_lines import open_input, open_output
    from gridnode.drivers.spidev_spi import open_bus

    spi = open_bus(spec["bus"], spec["select"], BAUD, 0, 0)
    busy = open_input(spec["chip"], spec["busy"]) if "busy" in spec else None
    reset = open_output(spec["chip"], spec["reset"], 1)
    return spi, int, reset, busy, open_edges(spec["chip"], event, 1)
