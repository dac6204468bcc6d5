"""Who speaks on a link: OFFERs are matched with the keys kept here, and the first packet under them says who it is.

A node that cannot be heard, because its key is missing or another one, is told of once, with what to do.
"""

from collections.abc import Callable

from gridnode.wire.host_channel import HostChannel, Offer, offer_of
from host_bridge.keys import KeyRing, KeysError, Lone, NodeKeys
from host_bridge.sealing import Sealer

CAUSES = ("unknown", "forged", "replayed", "stale", "garbled")  # why packets were ignored
Tell = Callable[[str, str, str], None]


class Channels:
    """The channels of one link, by the names of the nodes that have offered themselves there.

    `tell(kind, text, node)` hears why a node cannot be heard; once, until some session opens here.
    """

    def __init__(self, url: str, ring: KeyRing, tell: Tell) -> None:
        self.counts = dict.fromkeys(CAUSES, 0)  # of packets that are no channel's
        self._url = url
        self._ring = ring
        self._tell = tell
        self._told: set[str] = set()
        self._channels: dict[str, HostChannel] = {}
        self._kept: dict[str, Lone] = {}  # as it is on disk

    def offered(self, packet: bytes) -> list[bytes]:
        """The WELCOMEs that answer this OFFER: one, unless it is nobody's whose key is kept here."""
        offer = offer_of(packet)
        if offer is None:
            self.counts["garbled"] += 1
            return []
        if not offer.slot:
            self._blank(offer)
            return []
        found = self._ring.find(offer.address)
        for file, fault in self._ring.faults.items():
            self._once(f"fault {file}", "bad key file", fault, "")
        if not found:
            self.counts["unknown"] += 1
            self.unknown(offer.address)
        answers = [self.channel(keys).offered(packet) for keys in found]
        welcomes = [welcome for welcome in answers if welcome is not None]
        if found and not welcomes:
            self._refused(offer, found)
        return welcomes

    def unknown(self, address: int) -> None:
        """Somebody speaks whose key is not kept here."""
        text = f"{self._url}: a node speaks that has no key here (its address is {address:04x}), so it is not heard: "
        text += "give it one with gridnexus provision, or copy its file from the keys of its former bridge"
        self._once(f"unknown {address}", "node unknown", text, "")

    def claimed(self, packet: bytes) -> HostChannel | None:
        """The channel of which this packet is the first one of a new session, or one without a session."""
        return next((channel for channel in self._channels.values() if channel.awaits(packet)), None)

    def opened(self, channel: HostChannel) -> bool:
        """A packet of this channel has opened. Whether what it must remember of that is on disk now."""
        self._told.clear()
        lone = Lone._make(channel.lone)
        try:
            if self._kept.get(channel.name) != lone:
                self._ring.remember(channel.name, lone)
        except (KeysError, OSError) as error:
            self._once("not kept", "bad key file", f"which packets came cannot be kept: {error}", channel.name)
            return False
        self._kept[channel.name] = lone
        return True

    def channel(self, keys: NodeKeys) -> HostChannel:
        """That of the node with these keys."""
        channel = self._channels.get(keys.name)
        if channel is None:
            name = keys.name
            dropped = lambda slot: self._ring.drop(name, slot)  # noqa: E731 (the ring's answer is of no use here)
            channel = HostChannel(name, keys.keys, keys.lone, dropped=dropped, sealer=Sealer)
            self._channels[name] = channel
            self._kept[name] = keys.lone
        channel.use_keys(keys.keys)
        return channel

    def _blank(self, offer: Offer) -> None:
        self.counts["unknown"] += 1
        text = f"{self._url}: the node {offer.name!r} has no key, so it is not heard: run gridnexus provision "
        self._once(f"blank {offer.name}", "node without key", text + "with its name and its port", "")

    def _refused(self, offer: Offer, found: list[NodeKeys]) -> None:
        names = " or ".join(keys.name for keys in found)
        if all(self._channels[keys.name].slot == offer.slot for keys in found):
            return  # an OFFER that was taken already, and came late; or one that somebody has made up
        text = f"{self._url}: a node says that it is {names}, but its key is not the one kept here, so it is not "
        text += f"heard: run gridnexus provision {found[0].name} with its port"
        self._once(f"refused {names}", "wrong key", text, found[0].name)

    def _once(self, what: str, kind: str, text: str, node: str) -> None:
        if what not in self._told and len(self._told) < 100:
            self._told.add(what)
            self._tell(kind, text, node)

    def totals(self) -> dict[str, int]:
        """How many packets were ignored, by cause."""
        return {
            cause: self.counts[cause] + sum(channel.counts.get(cause, 0) for channel in self._channels.values())
            for cause in CAUSES
        }
