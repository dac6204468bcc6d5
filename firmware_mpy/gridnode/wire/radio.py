"""What both ends of a session over radio share: its timers. node_radio.py and host_radio.py are the two ends."""

BATCH = 15  # records in one, unless the node says otherwise
ROOM = 200  # bytes of a batch's body at most
WANTED_MAX = 30  # groups in one WANT
FIRST_OFFER_MS = 10_000  # within this of the boot, at random: after a power cut all nodes wake at once
OFFER_MS, OFFER_MAX_MS = 60_000, 900_000  # the first is what relays remember, and more: the same OFFER is said again
CALL_ANSWER_MS = 60_000  # a flood of CALLs gets no more OFFERs than this
HELLO_MS, HELLOS_MAX = 8_000, 7  # after that many (17 minutes) OFFER again
SILENCE_MS = 14_400_000  # a node that hears nothing for so long offers itself again, and goes on meanwhile
LONE_AFTER = 8  # OFFERs that nobody answered
LONE_HELLO_EVERY = 24  # batches
REPEAT_MS = 30_000  # no group is sent again within this
CONTACTOR_EVERY_MS = 21_600_000  # SWITCHED tells of changes at once
VITALS_EVERY_MS = 21_600_000
PING_EVERY_MS = 3_600_000
