"""The low-voltage feeder that the homes share: its power flow, what each watt does to it, a drawing of it.

Needs pandapower (the extra `grid`), which is imported when a grid is read and not before. `grids.read` is the way in,
`checked.clear_checked` the market's.
"""
