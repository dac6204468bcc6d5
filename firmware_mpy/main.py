"""The node's program. Safe state first: contactors are driven open before anything else is imported.

    micropython main.py [FOLDER]        on a microcontroller MicroPython runs it by itself; a Pi has python3 main.py

FOLDER (default: where main.py is) holds `unit.json`: name, and what differs from unit to unit. `board.py` says what
the hardware is.
"""

import board

from gridnode.coils import make_coils

if __name__ == "__main__":
    COILS = make_coils(board)
    del make_coils, board

from gridnode.start import main

if __name__ == "__main__":
    main(COILS)
