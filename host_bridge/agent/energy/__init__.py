"""The energy agent, live: it measures, forecasts, plans, trades, asks for leases, and keeps books of all of it.

`EnergyAgent` (agent.py) is one task beside the WorldHost. What it knows is read as `view.EnergyView`.
"""
