"""The HIL bench: the same tests on every rig, and a report that compares them. `python -m hil --help`."""
