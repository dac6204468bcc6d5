"""The life of an installed world, as a table. One installed name has a world in charge, at most one before it that is
kept to fall back on, and at most one newcomer.
"""

# States. Of those in CHARGE a name has one; STOPPED is in charge of nothing, and asks for nothing.
SHADOW = "shadow"  # runs beside the one in charge, on the same inputs; its outputs go nowhere
PROBATION = "probation"  # in charge; the one before it still rests behind it, and no other may come
RUNNING = "running"  # in charge
RESTING = "resting"  # was in charge, and is called back if its successor fails
STOPPED = "stopped"  # failed, with none to fall back on
REFUSED = "refused"  # a newcomer that never came into charge
ROLLED_BACK = "rolled back"
FORGOTTEN = "forgotten"
CHARGE = (PROBATION, RUNNING)

# Events.
TAKES_OVER = "takes over"
PASSES = "passes"  # its probation is over
FAULT = "fault"  # a trap, fuel, the deadline, a broken claim; in probation a broken assumption too
LAST_FAULT = "last fault"  # the same, with none to fall back on
RELIEVED = "relieved"  # a newcomer takes over from it
CALLED_BACK = "called back"
DROPPED = "dropped"  # nobody needs it any more, or somebody removes it

# state: {event: next state}; what is not listed cannot happen.
TABLE = {
    SHADOW: {TAKES_OVER: PROBATION, FAULT: REFUSED, LAST_FAULT: REFUSED, DROPPED: REFUSED},
    PROBATION: {PASSES: RUNNING, FAULT: ROLLED_BACK, LAST_FAULT: STOPPED, DROPPED: FORGOTTEN},
    RUNNING: {RELIEVED: RESTING, FAULT: ROLLED_BACK, LAST_FAULT: STOPPED, DROPPED: FORGOTTEN},
    RESTING: {CALLED_BACK: RUNNING, DROPPED: FORGOTTEN},
    STOPPED: {DROPPED: FORGOTTEN},
    REFUSED: {},
    ROLLED_BACK: {},
    FORGOTTEN: {},
}


def after(state: str, event: str) -> str:
    """The state after `event`. Raises ValueError: it cannot happen in `state`."""
    if event not in TABLE[state]:
        raise ValueError(f"a world that is {state} cannot have: {event}")
    return TABLE[state][event]
