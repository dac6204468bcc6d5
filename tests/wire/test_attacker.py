"""Nothing is believed that was not said once by the key's owner: on a serial line and over radio, a million packets.

Each check that is taken away is missed: the attack then succeeds, and the witness says so.
"""

import types

import attacker
import hostile
import pytest
import radio_pipe

from gridnode.wire import channel, seal
from gridnode.wire.channel import NodeChannel
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_channel import HostChannel

CAUSES = {"unknown", "forged", "replayed", "stale", "garbled"}
FEW, MANY = 8_000, 550_000  # packets on the line; each test has both ways to speak
GROWTH_BYTES = 60_000  # of all that an end holds: windows, what waits, counts
NOT_OURS = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, attacker.Witness)


class Line:
    """One direction of a serial line that the attacker holds, in the place of hostile.Line."""

    def __init__(self, way, attack):
        self._way, self._attack = way, attack
        self._decoder = FrameDecoder()
        self._arrivals = {}
        self.cut = False

    def send(self, data, tick):
        for packet in self._decoder.feed(data):
            for later, made in self._attack.between(self._way, packet):
                self._arrivals.setdefault(tick + later, []).append(hostile.framed([made]))

    def arrivals(self, tick):
        return () if self.cut else self._arrivals.pop(tick, ())


class Air(radio_pipe.World):
    """A node and a host over radio, where the attacker hears and says what he likes."""

    def __init__(self, attack, **named):
        self._attack = attack
        super().__init__(**named)

    def _send(self, queue, packet, loss):
        way = "up" if queue is self.up else "down"
        for later, made in self._attack.between(way, packet):
            queue.append((self.now_ms + 800 * later, made))


def watched(monkeypatch):
    """A witness, through whose channels both worlds speak from now on."""
    witness = attacker.Witness()
    node, host, sealer = witness.channels()
    for world in (hostile, radio_pipe):
        monkeypatch.setattr(world, "NodeChannel", node)
        monkeypatch.setattr(world, "HostChannel", host)
    monkeypatch.setattr(channel, "Sealer", sealer)
    return witness


def weight(*roots):
    """Bytes of all that hangs on these objects."""
    import gc
    import sys

    seen, total, rest = set(), 0, list(roots)
    while rest:
        one = rest.pop()
        if id(one) in seen or isinstance(one, NOT_OURS):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        rest += gc.get_referents(one)
    return total


def attack_serial(witness, packets, seed=5):
    world = hostile.World(seed, 10**7, hostile.HostPeer(10**7))
    attack = attacker.Attacker(hostile.Dice(seed + 1000))
    world.up, world.down = Line("up", attack), Line("down", attack)
    sizes = []
    while attack.packets < packets:
        world.step()
        if len(sizes) < 4 * attack.packets // packets:
            sizes.append(weight(world.node.session, world.host._session))
    assert (world.host_restarts and world.node_restarts) or packets == FEW
    assert len(set(world.node.applied)) == len(world.node.applied)
    assert set(world.node.applied) <= set(range(1, world.requests + 1))
    assert world.host.disk.count > packets // 400, "the line came to a stop"
    return attack, sizes, (world.node.session._channel.counts, world.host._session.channel.counts)


def attack_radio(witness, packets, seed=6):
    attack = attacker.Attacker(hostile.Dice(seed + 1000))
    world = Air(attack, seed=seed, lone=True, batch=5)
    sizes, asked, day = [], 0, 0
    while attack.packets < packets:
        asked += 1
        if world.host.receiver is not None:
            world.host.request(asked, 0, asked & 1, 900, 1 << 50)
        world.run(240_000)
        day += 1
        if day % 40 == 0:
            world.start_node()
        if day % 70 == 35:
            world.start_host()
        if len(sizes) < 4 * attack.packets // packets:
            sizes.append(weight(world.node._channel, world.node._answers, world.host))
        if len(world.journal._raw) > 100_000:
            break
    world.check_records()
    assert not world.twice
    assert len(world.requests) <= asked and set(world.requests) <= {(0, 0, 900), (0, 1, 900)}
    assert len(world.store) > 50, "the air came to a stop"
    return attack, sizes, (world.channel.counts, world.host_channel.counts)


ATTACKS = {"serial": attack_serial, "radio": attack_radio}


@pytest.mark.parametrize("link", ATTACKS)
@pytest.mark.parametrize("packets", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_nothing_is_believed_that_was_not_said_once_by_the_keys_owner(link, packets, monkeypatch, record_property):
    witness = watched(monkeypatch)
    attack, sizes, counts = ATTACKS[link](witness, packets)
    assert min(attack.ways.values()) > packets // 200, attack.ways
    assert witness.believed > packets // 60
    for one in counts:
        assert set(one) <= CAUSES, one
    assert packets == FEW or sizes[-1] - sizes[0] < GROWTH_BYTES, sizes
    record_property("told", f"attacker, {link}: {attack.packets} packets, {witness.believed} genuine ones believed")


def _no_tag(patch):
    patch.setattr(seal, "_differ", lambda packet, end, tag: 0)


def _no_window(patch):
    patch.setattr(channel.Window, "is_new", lambda self, counter: True)


def _no_counter(patch):
    def still(self, value):
        pass

    patch.setattr(NodeChannel, "_counter", property(lambda self: 3, still), raising=False)


def _no_counter_of_host(patch):
    from gridnode.wire import host_channel

    patch.setattr(host_channel._Pair, "counter", property(lambda self: 3, lambda self, value: None), raising=False)


def _no_new_nonce(patch):
    patch.setattr(NodeChannel, "_nonce", lambda self: b"\0\0\0\1one!")


def _no_welcome_tag(patch):
    patch.setattr(channel, "alike", lambda tag, other: True)


def _no_lone_memory(patch):
    patch.setattr(HostChannel, "_raise", lambda self, nonce, counter: None)


MUTANTS = {
    "tag": (_no_tag, "serial"),
    "window": (_no_window, "serial"),
    "counter of the node": (_no_counter, "serial"),
    "counter of the host": (_no_counter_of_host, "serial"),
    "a nonce for each session": (_no_new_nonce, "serial"),
    "tag of WELCOME": (_no_welcome_tag, "serial"),
    "memory of packets without a session": (_no_lone_memory, "radio"),
}


TAKES_LONG = "a nonce for each session"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == TAKES_LONG)) for name in MUTANTS]
)
def test_a_check_that_is_taken_away_is_missed(name, monkeypatch):
    take_away, link = MUTANTS[name]
    witness = watched(monkeypatch)
    take_away(monkeypatch)
    with pytest.raises(AssertionError, match="taken|twice") as found:
        ATTACKS[link](witness, 20 * FEW)
    print(found.value)
