"""What part of a node's packets never arrives: the gaps in the counters that they carry in clear."""

from collections.abc import Sequence

from gridnode.wire.packet import header

SPAN = 500  # packets that the figure looks back over, give or take a half


class Loss:
    """Of one node. `heard` takes all packets that were found genuine."""

    def __init__(self) -> None:
        self._keys: tuple[int, int] | None = None
        self._highest = 0
        self._sent = 0
        self._came = 0

    def heard(self, packets: Sequence[bytes], pairs: int) -> None:
        """`packets` came one behind the other. `pairs`: counts the keys that were in force so far; with new ones
        counters begin again."""
        self._heard(packets[0], pairs, 1)
        if len(packets) > 1:
            self._heard(packets[-1], pairs, len(packets) - 1)

    def _heard(self, newest: bytes, pairs: int, came: int) -> None:
        key_id, counter, _ = header(newest)
        if self._keys != (key_id, pairs):
            self._keys, self._highest = (key_id, pairs), counter
            self._sent += 1
        elif counter > self._highest:
            self._sent += counter - self._highest
            self._highest = counter
        self._came += came
        if self._sent > SPAN:
            self._sent, self._came = self._sent // 2, self._came // 2

    @property
    def ppm(self) -> int | None:
        """Lost of a million sent; None while too few were sent to tell."""
        if self._sent < 2:
            return None
        return max(0, self._sent - self._came) * 1_000_000 // self._sent
