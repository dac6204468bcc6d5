"""What the pages about energy ask of the energy agent: it, or a neighbourhood that a test puts there."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from host_bridge.agent.energy.view import EnergyView, PreferenceView
    from host_bridge.agent.energy.wishes import Proposal
    from host_bridge.agent.feeder.drawing import Picture
    from host_bridge.agent.narrative import Account
    from host_bridge.store.book_rows import IntervalRow


class WishSource(Protocol):
    """What people want of a home. Each raises KeyError: no such home, or no preference of that number."""

    def devices(self, home: str) -> list[str]:
        """That can be spoken of."""

    async def propose(self, home: str, sentence: str) -> "Proposal":
        """Read a sentence; nothing is set."""

    async def confirm(
        self, home: str, document: Mapping[str, Any], asked_by: str, sentence: str = ""
    ) -> "PreferenceView":
        """Set it. Raises PreferenceError, StoreError: nothing was set then."""

    async def forget(self, home: str, number: int, asked_by: str) -> None:
        """It holds no more. Raises StoreError."""


class EnergySource(Protocol):
    """Views are made anew at most once a second and cheap to ask for."""

    @property
    def preferences(self) -> WishSource:
        """Raises StoreError: the agent has not begun; no home is in the view then."""

    def view(self) -> "EnergyView":
        """Everything, now."""

    async def account(self, home: str, day: str, length: str) -> "Account":
        """Of a day, as 2026-07-01. Raises KeyError, StoreError."""

    async def past(self, home: str, since_s: int) -> "Sequence[IntervalRow]":
        """What the meters counted in the closed intervals since then, oldest first. Raises StoreError."""

    def feeder_picture(self) -> "Picture | None":
        """Of the last interval; None: no feeder is configured, or its state is not known."""
