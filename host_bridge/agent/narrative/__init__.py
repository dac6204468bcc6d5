"""The account of a home's day in plain language: every number in it is read from rows of the agent's books."""

from host_bridge.agent.narrative.day import Day, read
from host_bridge.agent.narrative.parts import Account, Figure, Quote, Source, rows_of
from host_bridge.agent.narrative.telling import LENGTHS, tell

__all__ = ["LENGTHS", "Account", "Day", "Figure", "Quote", "Source", "read", "rows_of", "tell"]
