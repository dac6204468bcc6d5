"""The held-out sentences (tests/host/agent/sentences.toml, written before the model was tuned), counted."""

from tests.bench.figures import Figure
from tests.host.agent.preference_totals import HELD_OUT, totals


def figures() -> list[Figure]:
    """Right is the preference that was meant, or an honest refusal where none says it."""
    found = totals(HELD_OUT)
    return [
        Figure("sentences held out", found.sentences, "sentences", 60),
        Figure("sentences held out: right or honestly refused", found.right / found.sentences, "of all", 0.9),
        Figure(
            "sentences held out: wrong and confident", found.wrong / found.sentences, "of all", 0.02, at_least=False
        ),
    ]
