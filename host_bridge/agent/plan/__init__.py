"""What to charge, heat, run and when: a plan for the hours ahead, why, and what a node follows when it is alone.

Pure: no clock, no socket, no SQL. Times are seconds of the grid's time, power is W, energy Wh, money mct/kWh
where it is a price and micro-units where it is an amount. Only `solve` loads the solver; `checked` loads wasmtime.
"""

from host_bridge.agent.plan.homes import (
    Ahead,
    Band,
    Battery,
    Car,
    Dwell,
    Feeder,
    Home,
    Limits,
    Task,
    WaterHeater,
    Weights,
)
from host_bridge.agent.plan.plan import Cannot, Plan, Run

__all__ = [
    "Ahead",
    "Band",
    "Battery",
    "Cannot",
    "Car",
    "Dwell",
    "Feeder",
    "Home",
    "Limits",
    "Plan",
    "Run",
    "Task",
    "WaterHeater",
    "Weights",
]
