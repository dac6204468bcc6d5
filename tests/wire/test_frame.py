"""Frames: whatever happens to the line, a packet comes out whole or not at all, and what was dropped is counted."""

from binascii import crc32, unhexlify

import vector_files
from fuzz import Fuzzer
from hostile import Dice
from vector_files import refuses

from gridnode.wire import frame, packet
from gridnode.wire.frame import FRAME_MAX, PACKET_MAX, FrameDecoder


def framed(data):
    work = bytearray(data) + bytearray(4)
    out = bytearray(FRAME_MAX)
    return bytes(out[: frame.encode(work, len(data), out)])


def cobs(data):
    """Consistent Overhead Byte Stuffing by the book: blocks of up to 254 bytes that are not zero."""
    out = b""
    for piece in data.split(b"\x00"):
        full = len(piece) // 254 * 254
        for at in range(0, full, 254):
            out += b"\xff" + piece[at : at + 254]
        out += bytes((len(piece) - full + 1,)) + piece[full:]
    return out


SAMPLES = [unhexlify(row["packet"]) for row in vector_files.read("messages.json")]


def test_the_crc_is_that_of_ieee_802_3():
    assert framed(b"123456789") == b"\x0e123456789\x26\x39\xf4\xcb\x00"


def test_frames_are_cobs_of_the_packet_and_its_crc():
    for data in SAMPLES + [b"\x00", b"\x00" * 256, b"\xff" * 250, b"\x01" * 254, b"\x01" * 256, b"\x00\x01" * 128]:
        crc = crc32(data)
        assert framed(data) == cobs(data + bytes([crc >> shift & 0xFF for shift in (0, 8, 16, 24)])) + b"\x00"
        assert len(framed(data)) <= FRAME_MAX


def test_packets_of_every_length_and_filling_pass():
    decoder = FrameDecoder()
    for filling in (b"\x00", b"\x01", b"\xff"):
        for length in range(1, PACKET_MAX + 1):
            (received,) = decoder.feed(framed(filling * length))
            assert received == filling * length
    assert decoder.dropped == 0 and decoder.frames == 3 * PACKET_MAX


def test_any_one_byte_changed_is_dropped_and_counted():
    for data in (SAMPLES[9], SAMPLES[11], SAMPLES[14], b"\x00" * 12):
        whole = framed(data)
        for at in range(len(whole)):
            for value in range(256):
                if value == whole[at]:
                    continue
                decoder = FrameDecoder()
                # The frames around it are sound: the one behind is lost only where the delimiter was.
                damaged = whole[:at] + bytes((value,)) + whole[at + 1 :]
                received = decoder.feed(framed(b"before") + damaged + framed(b"after"))
                sound = [b"before", b"after"] if at < len(whole) - 1 else [b"before"]
                assert received == sound, (at, value)
                assert decoder.dropped >= 1


def test_garbage_before_between_and_behind():
    fuzzer = Fuzzer(Dice(9).below)
    decoder = FrameDecoder()
    for data in SAMPLES * 5:
        noise = fuzzer.noise(300)
        received = decoder.feed(noise + b"\x00" + framed(data) + noise)
        assert received == [data]
        decoder.feed(b"\x00")
    assert decoder.frames == 5 * len(SAMPLES)


def test_frames_split_anywhere_come_out_whole():
    line = b"".join([framed(data) for data in SAMPLES[:6]])
    for at in range(len(line) + 1):
        decoder = FrameDecoder()
        received = decoder.feed(line[:at]) + decoder.feed(line[at:])
        assert received == SAMPLES[:6]
    decoder = FrameDecoder()
    received = [packet for at in range(len(line)) for packet in decoder.feed(line[at : at + 1])]
    assert received == SAMPLES[:6]


def test_what_is_too_long_is_dropped_once_and_forgotten():
    decoder = FrameDecoder()
    for _ in range(50):
        assert decoder.feed(b"x" * 100) == []
        assert len(decoder._rest) < FRAME_MAX
    assert decoder.too_long == 1
    (received,) = decoder.feed(b"xx\x00" + framed(b"after"))
    assert received == b"after"
    assert decoder.feed(b"y" * 1000 + b"\x00") == [] and decoder.too_long == 2


def test_a_packet_one_byte_longer_than_allowed_is_dropped_however_it_is_stuffed():
    for filling in (b"\x00", b"\x00\x01", b"\x01", b"\xff"):
        data = (filling * (PACKET_MAX + 1))[: PACKET_MAX + 1]
        decoder = FrameDecoder()
        out = bytearray(2 * FRAME_MAX)
        length = frame.encode(bytearray(data) + bytearray(4), len(data), out)
        assert decoder.feed(bytes(out[:length])) == [] and decoder.too_long == 1


def test_empty_frames_and_bare_delimiters_are_nothing():
    decoder = FrameDecoder()
    assert decoder.feed(b"") == decoder.feed(b"\x00\x00\x00") == []
    assert decoder.dropped == 0
    assert decoder.feed(b"\x01\x00") == decoder.feed(framed(b"")) == [] and decoder.bad_crc == 2
    assert decoder.feed(b"\x05\x01\x00") == [] and decoder.bad_cobs == 1


def test_reset_forgets_a_frame_that_had_begun():
    decoder = FrameDecoder()
    decoder.feed(framed(b"begun")[:4])
    decoder.reset()
    (received,) = decoder.feed(framed(b"whole"))
    assert received == b"whole"
    decoder.feed(b"z" * 400)
    decoder.reset()
    assert len(decoder.feed(framed(b"whole"))) == 1


def test_header_forms_of_rfc_9605():
    forms = ((0, "00"), (7, "07"), (8, "0808"), (255, "08ff"), (256, "090100"), (65535, "09ffff"), (65536, "0a010000"))
    forms += ((0xFFFFFF, "0affffff"), (0x1000000, "0b01000000"), (0xFFFFFFFF, "0bffffffff"))
    for counter, text in forms:
        for key_id in range(8):
            buffer = bytearray(8)
            header = bytes(buffer[: packet.put_header(buffer, key_id, counter)])
            assert header == bytes((unhexlify(text)[0] | key_id << 4,)) + unhexlify(text)[1:]
            assert packet.header(header + b"body") == (key_id, counter, len(header))


def test_headers_that_are_cut_short_or_not_in_the_shortest_form_are_refused():
    for text in ("0807", "0800", "0900ff", "090007", "0a00ffff", "0b00ffffff", "0c0100000000", "0f0102030405060708"):
        assert refuses(packet.header, unhexlify(text) + b"body"), text
    for text in ("", "08", "09ff", "0affff", "0bffffff"):
        assert refuses(packet.header, unhexlify(text)), text
    for first in range(0x80, 0x100):
        assert refuses(packet.header, bytes((first,)) + b"\xffbody"), first
