"""What people want of the agent: typed, bounded preferences, and a small offline model that reads them from a sentence.

Nothing here sets anything: `understand` proposes, a person confirms, the caller keeps the documents.
"""

from host_bridge.agent.preference.collection import Preferences, may_share
from host_bridge.agent.preference.conflicts import Conflict, conflicts
from host_bridge.agent.preference.constraints import Allowance, Band, Constraints, Due, Hush, constraints
from host_bridge.agent.preference.devices import DEVICES, Device
from host_bridge.agent.preference.documents import read
from host_bridge.agent.preference.kinds import (
    Budget,
    Comfort,
    Deadline,
    Never,
    Preference,
    PreferenceError,
    Priority,
    Quiet,
    Share,
    Weight,
)
from host_bridge.agent.preference.understand import Understood, understand

__all__ = [
    "DEVICES",
    "Allowance",
    "Band",
    "Budget",
    "Comfort",
    "Conflict",
    "Constraints",
    "Deadline",
    "Device",
    "Due",
    "Hush",
    "Never",
    "Preference",
    "PreferenceError",
    "Preferences",
    "Priority",
    "Quiet",
    "Share",
    "Understood",
    "Weight",
    "conflicts",
    "constraints",
    "may_share",
    "read",
    "understand",
]
