"""The board's literals -> line to the host, panel, supply. Only the drivers that a board names are loaded."""


def make_stream(board, unit: dict):
    """The board's line to the Pi, as link.SerialLink wants it; `pollable`, or itself, is for select.poll."""
    spec = board.LINK
    driver = spec["driver"]
    if driver == "fd":
        return open(unit["link_fd"], "r+b", buffering=0)
    if driver == "uart":
        from gridnode.drivers.uart import UartStream

        return UartStream(spec["id"], spec["baud"], spec["tx"], spec["rx"])
    if driver == "usb":
        from gridnode.drivers.usb_stream import UsbStream

        return UsbStream()
    if driver == "pty":
        from gridnode.drivers.pseudo_terminal import PseudoTerminal

        return PseudoTerminal(unit["link_path"])
    raise ValueError("board %s: no link driver called %s" % (board.NAME, driver))


def make_panel(board, contactors: list):
    """The board's button and lamp, where it has them."""
    from gridnode.node.panel import Panel

    button = lamp = None
    timeout_s = 900
    if board.BUTTON or board.LED:
        from gridnode.drivers.panel import Button, Lamp

        if board.BUTTON:
            button = Button(board.BUTTON["pin"], board.BUTTON["pressed_level"])
            timeout_s = board.BUTTON["timeout_s"]
        lamp = Lamp(board.LED["pin"], board.LED["lit_level"]) if board.LED else None
    return Panel(contactors, button, lamp, timeout_s)


def make_supply(board):
    """`failing` says whether the supply is going; None where no pin tells."""
    if board.POWER_FAIL is None:
        return None
    from gridnode.drivers.panel import Supply

    return Supply(board.POWER_FAIL["pin"], board.POWER_FAIL["failing_level"]).failing
