"""What a Pi and a gateway board say to each other about the radio, one packet each in a frame of wire.frame.

The first byte says which; numbers are big-endian. khz, bandwidth in kHz, spreading factor; snr in quarters of a dB;
age_ms: how long ago it ended. `number` is the Pi's, from its SEND.

| Pi | | board | |
|---|---|---|---|
| ASK | nothing: answered by STATE; the board is silent to a Pi that has not asked for 3 s | STATE | busy, how many entries it listens to, resets, bad CRCs, ppm of airtime spent, words of its fault |
| LISTEN | entries: khz, bandwidth, factor | HEARD | rssi, snr, factor, khz, age_ms |
| DATA | the packet of the SEND that follows | DATA | the packet of the HEARD that follows |
| SEND | number, khz, bandwidth, factor, dbm, preamble | SENT | number, age_ms |
| | | REFUSED | number, ms until it might be sent, words |
"""  # noqa: E501 (a table)

ASK, LISTEN, SEND, STATE, HEARD, SENT, REFUSED, DATA = 1, 2, 4, 5, 6, 7, 8, 9
ENTRY, SENDING = ">IHB", ">BBIHBbH"  # the second begins with SEND, all below with their kind
STATED, HEARING, SENDING_ENDED, REFUSING = ">BBBIII", ">BhbBIH", ">BBH", ">BBI"
SILENT_MS = 3000  # without the other: it is gone
