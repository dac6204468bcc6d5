"""All preferences of a home: one of each key, bounded, as documents that the caller keeps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from host_bridge.agent.preference.devices import Devices
from host_bridge.agent.preference.documents import read
from host_bridge.agent.preference.kinds import Document, Preference, PreferenceError, Share

MOST = 64


@dataclass(frozen=True, slots=True)
class Preferences:
    """In the order in which they were set. Changing makes another collection."""

    items: tuple[Preference, ...] = ()

    @classmethod
    def read(cls, documents: Iterable[object], devices: Devices | None = None) -> "Preferences":
        """From documents, as `documents()` gave them. Raises PreferenceError."""
        made = cls()
        for number, document in enumerate(documents, 1):
            try:
                made = made.set(read(document, devices))
            except PreferenceError as error:
                raise PreferenceError(f"preference {number}: {error}") from None
        return made

    def set(self, preference: Preference) -> "Preferences":
        """With this one, in place of the one that has its key. Raises PreferenceError when there are too many."""
        kept = tuple(item for item in self.items if item.key() != preference.key())
        if len(kept) >= MOST:
            raise PreferenceError(f"a home keeps {MOST} preferences at most: take one away first")
        return Preferences((*kept, preference))

    def without(self, preference: Preference) -> "Preferences":
        """Without the one that has this one's key, if there is one."""
        return Preferences(tuple(item for item in self.items if item.key() != preference.key()))

    def documents(self) -> list[Document]:
        return [item.document() for item in self.items]

    def __iter__(self) -> Iterator[Preference]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def may_share(preferences: Iterable[Preference], what: str, with_whom: str) -> bool:
    """Whether `what` (readings, forecast, preferences) of this home may be told to neighbours or operator.

    By default nothing is. A preference that withholds wins over one that allows, whichever was set first.
    """
    shares = [item for item in preferences if isinstance(item, Share)]
    allowed = any(share.allows and (share.what, share.with_whom) == (what, with_whom) for share in shares)
    withheld = any(
        not share.allows and share.what in (what, "nothing") and share.with_whom in (with_whom, "nobody")
        for share in shares
    )
    return allowed and not withheld
