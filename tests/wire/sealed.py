"""Keys and channels for tests, and a tap that knows what every packet of theirs holds."""

from gridnode.wire import packet, schema, session
from gridnode.wire.channel import CALL, OFFER, WELCOME, NodeChannel
from gridnode.wire.host_channel import HostChannel

KEY, OTHER_KEY, THIRD_KEY = bytes(range(32)), bytes(range(100, 132)), b"k" * 32
NAME = "home-1"
HAILS = {OFFER: "offer", CALL: "hail", WELCOME: "answer"}
_said = {}  # packet -> body or message, of the newest
_order = []
_hosts = [1000]


class Chance:
    """Numbers as random.getrandbits gives them, and os.urandom's bytes: others at each call, the same in each run."""

    def __init__(self, first=1):
        self._state = first

    def bits(self, count):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state ^ self._state >> 15) & ((1 << count) - 1)

    def bytes(self, count):
        return bytes([self.bits(8) for _ in range(count)])


def _note(whole, held):
    _said[whole] = held
    _order.append(whole)
    if len(_order) > 500:
        for old in _order[:250]:
            _said.pop(old, None)
        del _order[:250]


class TappedNode(NodeChannel):
    def _seal(self, start, end, lone):
        body = bytes(self.packet[start:end])
        end = super()._seal(start, end, lone)
        _note(bytes(self.packet[:end]), body)
        return end


class TappedHost(HostChannel):
    def message(self, message):
        whole = super().message(message)
        _note(whole, message)
        return whole


def node_channel(boot=1, keys=((1, KEY),), name=NAME, chance=None):
    return TappedNode(name, list(keys), boot, (chance or Chance(boot)).bits)


def host_channel(keys=((1, KEY),), name=NAME, **more):
    _hosts[0] += 1  # another chance for each
    return TappedHost(name, list(keys), random=Chance(_hosts[0]).bytes, **more)


def body_of(whole):
    """What a packet of these channels holds, by the tap; None: it is a hail."""
    held = _said.get(bytes(whole))
    return session.decode(held) if isinstance(held, bytes) else held


def kind_of(whole):
    """The name of its message, or of the hail: offer, hail (CALL), answer (WELCOME)."""
    message = body_of(whole)
    return schema.MESSAGES[message[0]][0] if message else HAILS[bytes(whole[:2])]


def joined(node, host):
    """Agree on keys, without a session: the packets that it took."""
    offer = bytes(node.packet[: node.offer()])
    answer = host.offered(offer)
    assert node.open(answer) is None and node.sealed
    body = b"\x81\x03"
    first = bytes(node.packet[: node.body(body, 0, len(body))])
    assert bytes(host.open(first)[0]) == body and host.sealed
    return offer, answer, first


def key_id(whole):
    return packet.header(whole)[0]
