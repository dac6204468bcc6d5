"""The distilled policy: what it gives up against its teacher on homes held out, and that node and Pi do the same."""

import numpy as np

from gridnode.wire import schema
from host_bridge.agent.policy.closed_loop import charges
from host_bridge.agent.policy.document import document, program
from host_bridge.agent.policy.fitting import BATTERY, Weights, compare
from host_bridge.agent.policy.teacher import teach
from host_bridge.microworld.bytecode import Stepper, compile
from host_bridge.microworld.study.homes import Homes
from host_bridge.model import NodeView
from tests.bench.energy_year import held_out, tuning
from tests.bench.figures import Figure

REACH = 0.03
WEIGHTS = Weights(1, 1, 1, 15)  # of the specification: tests/host/agent/test_policy.py has them fitted again
NODE = NodeView(
    "home",
    "",
    channels=("grid", "solar", "battery"),
    contactors=("battery charge", "battery discharge", "battery hold"),
)


def figures(homes: Homes) -> list[Figure]:
    """Closed loop at the node's ticks; teacher hour by hour; each home metered alone."""
    count = len(homes.names)
    held = homes.some(held_out(count))
    lesson = teach(held, BATTERY)
    agrees = compare(held, lesson, WEIGHTS).agrees
    by_teacher = _paid(held, held.net_wh + lesson.charge_wh)
    given_up, differing = _closed_loop(held)
    tuned = homes.some(tuning(count))
    given_up_tuning, _ = _closed_loop(tuned, follow=False)
    by_teacher_tuning = _paid(tuned, tuned.net_wh + teach(tuned, BATTERY).charge_wh)
    size = len(document(program(), NODE, (1_790_000_000, 1_790_000_000 + 31 * 86_400)))
    return [
        Figure(
            "distilled policy, held out: cost given up to its teacher",
            given_up / by_teacher - 1,
            "",
            REACH,
            at_least=False,
        ),
        Figure("distilled policy, tuning homes: cost given up", given_up_tuning / by_teacher_tuning - 1, ""),
        Figure("distilled policy, held out: cost alone", given_up / _paid(held, held.net_wh), "of no battery"),
        Figure("distilled policy, held out: hours in which it does as its teacher", agrees, "of all"),
        Figure("distilled policy: ticks of a year, wasm and bytecode differ", differing, "ticks", 0, at_least=False),
        Figure("distilled policy: document of a node's plan", size, "bytes", schema.BLOB_MAX, at_least=False),
    ]


def _closed_loop(homes: Homes, *, follow: bool = True) -> tuple[float, int]:
    """(what all pay, ticks of the first home in which the node's own machine decides otherwise than the wasm)."""
    its = program()
    node, differing = Stepper(compile(its)), 0

    def tell(state: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> None:
        nonlocal differing
        _, made = node.step(state[0].tolist(), inputs[0].tolist())
        differing += made != tuple(outputs[0].tolist())

    paid = 0.0
    for hour, power in enumerate(charges(its, homes, tell if follow else None)):
        paid += float(np.maximum(homes.net_wh[:, hour, None] + power, 0).mean(axis=1).sum()) * float(homes.price[hour])
    return paid, differing


def _paid(homes: Homes, grid: np.ndarray) -> float:
    return float((np.maximum(grid, 0) * homes.price).sum())
