"""Two nodes with one key: the one that has the session keeps it, and people are told of the other.

While a session stands the host answers an OFFER by a PING. If the session's own node says PONG, another one has offered
itself under the same key; or somebody plays back what the node said in an earlier boot, which does no harm.
"""

from gridnode.wire import WireError
from gridnode.wire.host_channel import HostChannel, offer_of
from gridnode.wire.packet import LONE, header

TIMES = 2  # that this was seen in one session, until it is told


class Rivals:
    """Of one node. `begin` with each of its sessions."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was."""
        self._is_contested = self._is_real = False
        self._times = 0

    def offered(self, packet: bytes, channel: HostChannel) -> None:
        """A genuine OFFER has come while a session stood. Its own node, when called, offers the nonce that follows."""
        offer = offer_of(packet)
        own = int.from_bytes(channel.nonce, "big")
        nonce = int.from_bytes(offer.nonce, "big") if offer else own
        if nonce not in (own, own + 1):
            self._is_contested = True
            self._is_real = self._is_real or nonce > own  # nonces of a node rise: there is no such one to play back

    def answered(self) -> bool:
        """The session's node has said PONG; whether people are to be told now."""
        self._times += self._is_contested
        is_told = self._is_contested and self._times == TIMES
        self._is_contested = False
        return is_told

    def excludes(self, packet: bytes) -> bool:
        """Whether this comes without a session, and from the other one: its records are not this node's."""
        if not self._is_real or self._times < TIMES:
            return False
        try:
            return header(packet)[0] > LONE  # type: ignore[no-any-return]
        except WireError:
            return False


def in_words(node: str) -> str:
    """What people are told."""
    return (
        f"two nodes speak as {node} with one key, or somebody plays back what it once said: the one heard first is "
        "listened to, another only when that one is silent. If there are two, run gridnexus provision with --rename "
        "and another name for one of them"
    )
