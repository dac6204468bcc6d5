"""The board's coils, each driven open as it is made. Loads nothing else: this comes before all other imports."""


def make_coils(board) -> dict:
    """Coil drivers by their contactor's name. Raises ValueError that names the board and the contactor."""
    coils = {}
    for spec in board.CONTACTORS:
        if spec["safe"] != "open":
            raise ValueError("board %s: contactor %s: the safe state must be open" % (board.NAME, spec["name"]))
        coils[spec["name"]] = _coil(board, spec)
    return coils


def _coil(board, spec: dict):
    driver = spec["driver"]
    if driver == "relay":
        from gridnode.drivers.relay import Relay

        level = spec.get("feedback_closed_level", 0)
        return Relay(spec["pin"], spec["closed_level"], spec["feedback_pin"], level)
    if driver == "gpiod":
        from gridnode.drivers.gpiod_relay import open_relay

        return open_relay(
            spec["chip"], spec["pin"], spec["closed_level"], spec["feedback_pin"], spec["feedback_closed_level"]
        )
    if driver == "simulated":
        from gridnode.drivers.simulated_coil import SimulatedCoil

        return SimulatedCoil()
    raise ValueError("board %s: contactor %s: no coil driver called %s" % (board.NAME, spec["name"], driver))
