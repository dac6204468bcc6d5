"""The actions of `gridnexus world`, each with what it needs imported when it is run: help is quick."""

from argparse import Namespace


def new(args: Namespace) -> int:
    """Write a specification to begin with."""
    from host_bridge.world_commands import making

    return making.new(args)


def check(args: Namespace) -> int:
    """Say what is wrong with a specification."""
    from host_bridge.world_commands import making

    return making.check(args)


def build(args: Namespace) -> int:
    """Compile, prove and sign."""
    from host_bridge.world_commands import making

    return making.build(args)


def verify(args: Namespace) -> int:
    """Prove again."""
    from host_bridge.world_commands import making

    return making.verify(args)


def run(args: Namespace) -> int:
    """Run on recorded homes or a table, or replay."""
    from host_bridge.world_commands import trying

    return trying.run(args)


def sweep(args: Namespace) -> int:
    """Try many variations."""
    from host_bridge.world_commands import sweeping

    return sweeping.run(args)


def install(args: Namespace) -> int:
    """Have a bridge or a node run a world."""
    from host_bridge.world_commands import installing

    return installing.install(args)


def swap(args: Namespace) -> int:
    """Let a newcomer take over."""
    from host_bridge.world_commands import installing

    return installing.swap(args)


def remove(args: Namespace) -> int:
    """Stop a world."""
    from host_bridge.world_commands import installing

    return installing.remove(args)


def list_(args: Namespace) -> int:
    """List what runs where."""
    from host_bridge.world_commands import installing

    return installing.list_(args)


def show(args: Namespace) -> int:
    """Show one world."""
    from host_bridge.world_commands import installing

    return installing.show(args)
