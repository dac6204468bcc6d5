"""CRC-16 of what comes in over a line in pieces, least significant bit first; viper, as bytes come fast."""

from gridnode.native import micropython, ptr8

ARC = 0xA001  # polynomial x16 + x15 + x2 + 1, reversed: DSMR P1 (begins with 0)
CCITT = 0x8408  # x16 + x12 + x5 + 1, reversed: SML (as X-25 has it: begins with 0xFFFF, is sent inverted)


@micropython.viper
def crc16(octets: ptr8, length: int, crc: int, polynomial: int) -> int:
    """The CRC of `length` bytes that follow those whose CRC is `crc`."""
    k = 0
    while k < length:
        crc ^= int(octets[k])
        bit = 0
        while bit < 8:
            crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
            bit += 1
        k += 1
    return crc
