"""Frames over a stream that takes and gives what it likes: partial writes, no room, nothing to read, garbage."""

from gridnode.link.serial import SerialLink
from gridnode.wire import packet, schema
from gridnode.wire.frame import FRAME_MAX, FrameDecoder


class Stream:
    """Gives `incoming` in portions of at most `gives`, takes at most `takes` bytes a write; None when it cannot."""

    def __init__(self, gives=FRAME_MAX, takes=FRAME_MAX):
        self.incoming = b""
        self.written = b""
        self.gives = gives
        self.takes = takes
        self.nothing = None

    def readinto(self, buffer):
        portion = self.incoming[: min(self.gives, len(buffer))]
        if not portion:
            return self.nothing
        self.incoming = self.incoming[len(portion) :]
        buffer[: len(portion)] = portion
        return len(portion)

    def write(self, data):
        if not self.takes:
            return self.nothing
        portion = bytes(data)[: self.takes]
        self.written += portion
        return len(portion)


def framed(*messages):
    writer = packet.Writer()
    return [bytes(writer.frame[: writer.message(message)]) for message in messages]


MESSAGES = [[schema.CALL, 5], [schema.PING, 1, 70_000], [schema.CALL, 1 << 40]]


def packets(data):
    return FrameDecoder().feed(data)


def received(link, turns):
    found = []
    for _ in range(turns):
        found += link.receive()
    return found


def test_packets_come_whole_however_the_stream_portions_them():
    whole = b"".join(framed(*MESSAGES))
    for gives in (1, 2, 7, 300):
        stream = Stream(gives=gives)
        stream.incoming = whole
        assert received(SerialLink(stream), len(whole)) == packets(whole)


def test_nothing_to_read_is_no_packet():
    for nothing in (None, 0):
        stream = Stream()
        stream.nothing = nothing
        assert SerialLink(stream).receive() == []


def test_more_than_one_buffer_of_bytes_waits_for_the_next_call():
    stream = Stream()
    stream.incoming = b"".join(framed(*MESSAGES)) * 20
    link = SerialLink(stream)
    assert 0 < len(link.receive()) < 60
    assert stream.incoming
    assert len(received(link, 20)) > 0 and not stream.incoming


def test_garbage_is_counted_and_the_next_frame_is_found():
    stream = Stream()
    good = framed([schema.CALL, 5])[0]
    stream.incoming = b"\x00boot: hello\r\n\x00" + good + good[:6] + b"\x00" + good
    link = SerialLink(stream)
    assert received(link, 3) == packets(good) * 2
    assert link.dropped == 2


def test_a_frame_leaves_in_as_many_portions_as_the_stream_takes():
    frames = framed(*MESSAGES)
    for takes in (1, 3, 300):
        stream = Stream(takes=takes)
        link = SerialLink(stream)
        for frame in frames:
            assert link.idle
            link.send(frame, len(frame))
            for _ in range(len(frame)):
                link.flush()
        assert link.idle and stream.written == b"".join(frames)


def test_without_room_it_is_not_idle_and_goes_on_when_there_is():
    frame = framed([schema.CALL, 5])[0]
    for nothing in (None, 0):
        stream = Stream(takes=0)
        stream.nothing = nothing
        link = SerialLink(stream)
        link.send(frame, len(frame))
        link.flush()
        assert not link.idle and stream.written == b""
        stream.takes = 4
        link.flush()
        assert not link.idle and stream.written == frame[:4]
        stream.takes = 300
        link.flush()
        link.flush()
        assert link.idle and stream.written == frame


def test_the_frame_given_may_be_overwritten_at_once():
    frame = bytearray(framed([schema.CALL, 5])[0])
    wanted = bytes(frame)
    stream = Stream(takes=2)
    link = SerialLink(stream)
    link.send(frame, len(frame))
    for index in range(len(frame)):
        frame[index] = 0
    while not link.idle:
        link.flush()
    assert stream.written == wanted


def test_only_the_frame_s_own_bytes_leave():
    frame = framed([schema.CALL, 5])[0]
    stream = Stream()
    link = SerialLink(stream)
    link.send(frame + bytes(50), len(frame))
    assert link.idle and stream.written == frame
