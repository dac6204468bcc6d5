"""host_bridge: keeps what the nodes measure, shows it, and lets people and programs switch loads."""

from gridnode import VERSION as __version__

__all__ = ["__version__"]
