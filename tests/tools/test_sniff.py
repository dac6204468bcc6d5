"""What `sniff` says of a link, and that the link does not notice: bytes pass unaltered, whatever they are."""

import io
import json
import random
import struct
from datetime import datetime

import pytest

from gridnode.wire import frame, schema
from host_bridge.keys import KeyRing, NodeKeys, address_of
from tests.wire import sealed
from tests.wire.messages import TYPICAL, everything
from tests.wire.vector_files import FROM_HOST, KEY, NAME, SLOT, agreement, framed, layers, offer_and_welcome
from tools import pcap, sniff
from tools.wire_text import HOST, NODE, Piece, Reader, Splitter, as_object, line

SECOND = 1_000_000_000
HELLO = layers(TYPICAL[0], 0)[2]
OFFER, WELCOME = offer_and_welcome()


def pieces_of(messages):
    """One piece for each message, a second apart."""
    return [
        Piece(at * SECOND, HOST if message[0] in FROM_HOST else NODE, layers(message, at)[2])
        for at, message in enumerate(messages)
    ]


def known(*keys, name=NAME):
    """The keys of one node, as KeyRing.find gives them."""
    return lambda address: [NodeKeys(name, list(keys))] if address == address_of(name) else []


KNOWN = known((SLOT, KEY))


def reader(find=KNOWN):
    """A Reader that has heard how the session came about."""
    reader = Reader(find)
    assert [said.name for said in reader.read(Piece(0, NODE, OFFER))] == ["OFFER"]
    assert [said.name for said in reader.read(Piece(0, HOST, WELCOME))] == ["WELCOME"]
    return reader


def lines(pieces, reader):
    return [line(said, lambda at_ns: f"{at_ns // SECOND:02}") for piece in pieces for said in reader.read(piece)]


GOLDEN = """\
00 node -> hello     wire_version=3 schema_digest={digest} node=home-1 board=unix firmware=0.1.0 boot_epoch=3 \
reset_cause="power on" node_time=12.345 s boot_time=12.000 s node_session=987654321 receive_buffer=400 bytes \
journal_epoch=55555 oldest_sequence=0 next_sequence=17 interval=60 s max_hold=900 s channels=grid,pv \
contactors=heater batch=0
01 host => welcome   schema_digest={digest} node_session=987654321 host_session=424242 journal_epoch=55555 \
next_sequence=9 bitmap=5 credit=4096 bytes
02 host => call      host_session=424242
03 host => ack       journal_epoch=55555 next_sequence=10 bitmap=0 credit=4096 bytes
04 node -> floor     journal_epoch=55555 oldest_sequence=7
05 host => ping      session=987509979 host_time=3600.000 s unix=1767225600.000 s \
node_time=12.345 s error=0.002 s
06 node -> pong      host_time=3600.000 s node_time=12.399 s
07 host => request   session=987509979 command=1 contactor=0 target=closed hold=900 s expires=15.345 s
08 node -> outcome   session=987509979 command=1 result=applied reason=none state=closed hold_remaining=900.000 s \
wait=0.000 s
09 node -> outcome   session=987509979 command=2 result=refused reason="unknown contactor" state=unknown \
hold_remaining=0.000 s wait=0.000 s
10 node -> registers sequence=0 channel=0 end=0.000 s energy_import=123456.789 Wh energy_export=77700.000 Wh
11 node -> interval  sequence=10 channel=1 end=3600.000 s duration=60.000 s energy_import=123456.789 Wh \
energy_export=77700.000 Wh active_power=-1200.000 W reactive_power=210.000 var apparent_power=1218.000 VA \
voltage_rms=229.800 V current_rms=5.300 A frequency=50.012 Hz quality=good
12 node -> interval  sequence=11 channel=0 end=3660.000 s duration=60.000 s energy_import=123476.789 Wh \
energy_export=77700.000 Wh active_power=1200.000 W reactive_power=unknown apparent_power=unknown \
voltage_rms=unknown current_rms=5.300 A frequency=unknown quality="no voltage"
13 node -> switched  sequence=12 contactor=0 node_time=3661.000 s state=closed cause=request hold_remaining=900.000 \
s
14 node -> live      channel=0 node_time=3662.000 s energy_import=123477.000 Wh energy_export=77700.000 Wh \
active_power=1204.000 W reactive_power=-0.010 var apparent_power=1204.000 VA voltage_rms=230.100 V \
current_rms=5.232 A frequency=49.987 Hz quality=good
15 node -> contactor contactor=0 node_time=3662.000 s state=closed cause=request hold_remaining=899.000 s \
dwell_remaining=29.000 s
16 node -> event     sequence=13 event=trip index=0 node_time=3663.000 s value=48200 duration=0.000 s (contactor 0 \
tripped)
17 node -> event     sequence=14 event=sag index=0 node_time=3664.000 s value=183400 duration=0.120 s (channel 0: \
voltage sag to 183.4 V for 0.12 s)
18 node -> clock     sequence=15 node_time=3664.500 s unix=1767225664.500 s error=0.003 s
19 node -> skipped   sequence=16
20 node -> vitals    node_time=3665.000 s heap_free=131072 bytes saves=61 flash=17 years journal=63 days \
plan_version=4 plan_until_unix=1767312000 s calibration_version=2 clock_known=1
21 host => store     session=987509979 command=3 document=plan \
body=85011a6955b9001a69570a80840018fa1902d019014a861878183c00010118fa expires=3668.000 s
22 node -> stored    session=987509979 command=3 result=applied reason=none document=plan version=4 \
digest=e4b39c0102030405
23 node -> stored    session=987509979 command=4 result=refused reason="bad document" document=calibration \
version=2 digest=
24 host => fetch     session=987509979 command=5 document=plan
25 node -> document  session=987509979 command=5 document=plan version=4 digest=e4b39c0102030405 \
body=85011a6955b9001a69570a80840018fa1902d019014a861878183c00010118fa
26 host => measure   session=987509979 command=6 channel=0 span=unknown
27 host => measure   session=987509979 command=7 channel=0 span="10 min"
28 node -> harmonics session=987509979 command=6 reason=none channel=0 node_time=3666.000 s voltage_thd=31200 ppm \
current_thd=184000 ppm voltage_h1=230.100 V voltage_h2=0.480 V voltage_h3=6.900 V voltage_h4=0.120 V \
voltage_h5=1.600 V voltage_h6=0.060 V voltage_h7=0.700 V voltage_h8=0.020 V voltage_h9=0.300 V current_h1=5.232 A \
current_h2=0.040 A current_h3=0.870 A current_h4=0.012 A current_h5=0.310 A current_h6=0.006 A current_h7=0.140 A \
current_h8=0.003 A current_h9=0.060 A
29 node -> harmonics session=987509979 command=8 reason="cannot measure" channel=9 node_time=0.000 s voltage_thd=0 \
ppm current_thd=0 ppm voltage_h1=0.000 V voltage_h2=0.000 V voltage_h3=0.000 V voltage_h4=0.000 V voltage_h5=0.000 \
V voltage_h6=0.000 V voltage_h7=0.000 V voltage_h8=0.000 V voltage_h9=0.000 V current_h1=0.000 A current_h2=0.000 A \
current_h3=0.000 A current_h4=0.000 A current_h5=0.000 A current_h6=0.000 A current_h7=0.000 A current_h8=0.000 A \
current_h9=0.000 A
30 host => want      journal_epoch=55555 first_group=40 bitmap=536870917
31 node -> aggregate session=987509979 command=7 reason=none channel=0 span="10 min" node_time=3600.000 s \
active_power=1204.000 W reactive_power=-0.010 var apparent_power=1204.000 VA voltage_rms=230.100 V \
current_rms=5.232 A frequency=49.987 Hz quality=good
32 node -> tick      plan_version=4 tick=61 node_time=3667.000 s fault=none \
record=010000003c00000001000000b4ffffff01000000
33 node -> tick      plan_version=4 tick=62 node_time=3668.000 s fault="input unknown" record=
"""


def test_every_message_is_one_line_with_units_and_words():
    assert lines(pieces_of(TYPICAL), reader()) == GOLDEN.replace("{digest}", schema.digest().hex()).splitlines()


def test_every_message_at_its_limits_is_one_line():
    messages = [message for _, message in everything()]
    told = lines(pieces_of(messages), reader())
    assert len(told) == len(messages) and not [each for each in told if "!" in each]


def test_for_programs_the_fields_are_those_of_the_wire():
    (said,) = reader().read(pieces_of([TYPICAL[11]])[0])
    fields = dict(zip([name for name, _ in schema.MESSAGES[schema.INTERVAL][1]], TYPICAL[11][1:], strict=True))
    assert json.loads(json.dumps(as_object(said))) == {
        "at_ns": 0, "from": "node", "message": "interval", "fields": fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"Traceback: MemoryError\0", "23 bytes that are no frame: it is no COBS: 54 72 61"),
        (HELLO[:9] + bytes([HELLO[9] ^ 1]) + HELLO[10:], "no frame: its CRC is wrong"),
        (layers([schema.FLOOR, 1], 0)[2], "no message: wrong number of fields: floor"),
        (framed(b"\x10short"), "no message: garbled"),
        (framed(b"\x40" + bytes(20)), "no message: garbled"),
        (framed(b"\x00\x04" + bytes(20)), "no message: no hail"),
        (WELCOME, "no message: no hail"),  # said by a node
        (framed(b"\x00\x01\x03"), "no message: no hail"),
        (b"x" * 400 + b"\0", "too long for a frame"),
    ],
)
def test_what_is_no_message_is_told_with_its_cause_and_its_bytes(raw, told):
    pieces = Splitter(NODE).feed(raw, 0)
    (only,) = lines(pieces, reader())
    assert only.startswith("00 node -> ! ") and told in only
    assert len(only) < 200


def test_a_node_cannot_command_the_terminal():
    hello = [*TYPICAL[0]]
    hello[3], hello[7] = "\x1b[2Jx\r\n", "\u202egood\x07"
    (only,) = lines(pieces_of([hello]), reader())
    assert only.isprintable() and r"node=\x1b[2Jx\r\n" in only and r"\u202egood\x07" in only


def test_pieces_joined_are_the_bytes_and_none_is_longer_than_a_frame():
    source = random.Random(3)
    for _ in range(200):
        data = b"".join(source.choice((b"\0", source.randbytes(5), b"\xff" * 300)) for _ in range(source.randrange(20)))
        splitter, pieces, at = Splitter(HOST), [], 0
        while at < len(data):
            step = source.randrange(1, 400)
            pieces += splitter.feed(data[at : at + step], at)
            at += step
        pieces += splitter.close(at)
        assert b"".join(piece.raw for piece in pieces) == data
        assert all(0 < len(piece.raw) <= frame.FRAME_MAX and piece.speaker == HOST for piece in pieces)
        assert all(0 not in piece.raw[:-1] for piece in pieces)


def test_a_frame_in_two_pieces_is_one_message():
    whole = layers(TYPICAL[10], 0)[2]
    ear = reader()
    assert ear.read(Piece(0, NODE, whole[:7])) == []
    assert ear.read(Piece(0, HOST, layers(TYPICAL[5], 0)[2]))[0].name == "ping"  # the other direction is apart
    assert ear.read(Piece(0, NODE, whole[7:]))[0].name == "registers"


# What is sealed


def only(reader, speaker, raw):
    (said,) = reader.read(Piece(0, speaker, raw))
    return line(said, lambda _: "00")


@pytest.mark.parametrize(
    ("find", "why"),
    [
        (None, ""),
        (known((SLOT, bytes(32))), ' why="not of the sessions heard, or altered"'),
        (known((SLOT + 1, KEY)), ' why="no key for it here"'),
        (known((SLOT, KEY), name="home-2"), ' why="no key for it here"'),
    ],
)
def test_without_the_key_hails_and_lengths_are_shown_and_nothing_else(find, why):
    heard = reader(find)
    size = len(layers(TYPICAL[10], 9)[1])
    assert only(heard, NODE, layers(TYPICAL[10], 9)[2]) == (
        f"00 node -> sealed    key_id=1 counter=9 packet={size} bytes{why}"
    )
    name = find(address_of(NAME))[0].name if find and find(address_of(NAME)) else f"{address_of(NAME):04x}"
    nonce = agreement()["node_nonce"]
    assert only(heard, NODE, OFFER) == f"00 node -> OFFER     wire_version=3 slot=1 node={name} nonce={nonce}"
    blank = framed(bytes.fromhex(agreement()["offer_of_a_blank_node"]))
    assert only(heard, NODE, blank) == f"00 node -> OFFER     wire_version=3 slot=0 node={NAME} nonce={nonce}"
    assert only(heard, HOST, framed(bytes.fromhex(agreement()["call"]))) == "00 host => CALL      wire_version=3"


def test_a_session_that_began_before_is_told_so():
    assert 'why="its handshake was not heard"' in only(Reader(known((SLOT, KEY))), NODE, HELLO)


def test_an_altered_packet_is_not_shown_as_a_message():
    packet = bytearray(layers(TYPICAL[10], 9)[1])
    packet[4] ^= 1
    assert "or altered" in only(reader(), NODE, framed(packet))
    assert "or altered" in only(reader(), HOST, layers(TYPICAL[10], 9)[2])  # a node's packet, sent back to it


def test_what_a_node_says_without_a_session_is_opened_too_also_after_one():
    node, host = sealed.node_channel(), sealed.host_channel()
    heard = Reader(known((1, sealed.KEY), name=sealed.NAME))

    def said(length):
        return heard.read(Piece(0, NODE, framed(node.packet[:length])))[0].name

    assert said(node.offer()) == "OFFER"
    assert said(node.message(TYPICAL[10], lone=True)) == "registers"
    node.open(host.offered(bytes(node.packet[: node.offer()])))
    assert said(node.message(TYPICAL[11], lone=True)) == "interval"


def test_a_new_key_is_followed_once_it_is_in_the_folder_and_never_shown(tmp_path):
    ring, new = KeyRing(tmp_path / "keys"), b"n" * 32
    ring.save(NodeKeys(sealed.NAME, [(1, sealed.KEY)]))
    node, host, heard = sealed.node_channel(), sealed.host_channel(), Reader(ring.find)
    for speaker, packet in zip((NODE, HOST, NODE), sealed.joined(node, host), strict=True):
        heard.read(Piece(0, speaker, framed(packet)))
    store = host.message([schema.STORE, 1, 1, schema.DOCUMENTS.index("key"), b"\x82\x02\x58\x20" + new, 9])
    (said,) = heard.read(Piece(0, HOST, framed(store)))
    shown = line(said, str) + json.dumps(as_object(said))
    assert said.name == "store" and "document=key" in shown and 'body="not shown"' in shown
    assert new.hex()[:8] not in shown and "nnnn" not in shown
    ring.add(sealed.NAME, 2, new)
    node.add_key(2, new)
    host.use_keys(ring.load(sealed.NAME).keys)
    offer = bytes(node.packet[: node.offer()])
    for speaker, packet in ((NODE, offer), (HOST, host.offered(offer))):
        heard.read(Piece(0, speaker, framed(packet)))
        node.open(packet) if speaker == HOST else None
    assert heard.read(Piece(0, NODE, framed(node.packet[: node.message(TYPICAL[10])])))[0].name == "registers"


def test_a_folder_of_keys_that_is_none_or_open_to_others_is_told(tmp_path, capsys):
    recording = tmp_path / "link.pcap"
    with recording.open("wb") as out:
        pcap.begin(out)
    for folder, told in ((tmp_path / "none", "is no folder"), (tmp_path, "chmod 700")):
        tmp_path.chmod(0o755)
        assert sniff.main(["--read", str(recording), "--keys", str(folder)]) == 1
        assert told in capsys.readouterr().err


# Recordings


def test_a_recording_is_a_pcap_file_as_its_draft_has_it():
    out = io.BytesIO()
    pcap.begin(out)
    pcap.write(out, Piece(1_700_000_000_123_456_000, HOST, b"\x05abc\0"))
    raw = out.getvalue()
    assert struct.unpack("<IHHiIII", raw[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 147)
    assert struct.unpack("<IIII", raw[24:40]) == (1_700_000_000, 123_456, 6, 6)
    assert raw[40:] == b"\x01\x05abc\0"


def test_a_recording_read_back_is_what_was_written():
    pieces = pieces_of(TYPICAL) + [Piece(99 * SECOND, NODE, b"\xff" * 263), Piece(100 * SECOND, HOST, b"\0")]
    out = io.BytesIO()
    pcap.begin(out)
    for piece in pieces:
        pcap.write(out, piece)
    assert list(pcap.read(io.BytesIO(out.getvalue()))) == pieces


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda raw: b"", "not a pcap file"),
        (lambda raw: b"\x0a\x0d\x0d\x0a" + raw[4:], "not a pcap file"),
        (lambda raw: raw[:20] + b"\x01" + raw[21:], "link type 1, not 147"),
        (lambda raw: raw[:-1], "record 1 is cut short"),
        (lambda raw: raw[:30], "record 1 is cut short"),
        (lambda raw: raw[:32] + b"\xff\xff\xff\xff" + raw[36:], "impossible length"),
        (lambda raw: raw[:40] + b"\x07" + raw[41:], "neither node"),
    ],
)
def test_a_damaged_recording_is_told(tmp_path, capsys, damage, told):
    out = io.BytesIO()
    pcap.begin(out)
    pcap.write(out, Piece(0, NODE, b"\x05abc\0"))
    path = tmp_path / "link.pcap"
    path.write_bytes(damage(out.getvalue()))
    assert sniff.main(["--read", str(path)]) == 1
    assert told in capsys.readouterr().err


def test_a_recording_is_shown_as_the_link_was(tmp_path, capsys):
    path = tmp_path / "link.pcap"
    with path.open("wb") as out:
        pcap.begin(out)
        for piece in (Piece(0, NODE, OFFER), Piece(0, HOST, WELCOME), *pieces_of(TYPICAL)):
            pcap.write(out, piece)
    ring = KeyRing(tmp_path / "keys")
    ring.save(NodeKeys(NAME, [(SLOT, KEY)]))
    keys = ["--keys", str(ring.folder)]
    assert sniff.main(["--read", str(path), *keys]) == 0
    shown = capsys.readouterr().out.splitlines()
    midnight = datetime.fromtimestamp(0)
    assert shown[2].startswith(f"{midnight:%H:%M:%S}.000 node -> hello") and len(shown) == len(TYPICAL) + 2
    assert sniff.main(["--read", str(path), *keys, "--json"]) == 0
    told = [json.loads(each)["message"] for each in capsys.readouterr().out.splitlines()]
    assert told[:4] == ["OFFER", "WELCOME", "hello", "welcome"]
    assert sniff.main(["--read", str(path), "--json"]) == 0
    told = [json.loads(each)["message"] for each in capsys.readouterr().out.splitlines()]
    assert told == ["OFFER", "WELCOME"] + ["sealed"] * len(TYPICAL)
