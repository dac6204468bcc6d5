"""The small model: the n-grams of a sentence's words and letters -> what kind of wish it is, and how sure that is.

A linear classifier on tf-idf, trained from phrases.toml when it is first asked, its probabilities calibrated on
templates that it was not trained on. Nothing but what stands in that file decides; no language model has a part in it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from host_bridge.agent.preference.phrases import phrases
from host_bridge.agent.preference.tokens import Token

FOLDS = 3
_WORD = r"\S+"


class Guess(NamedTuple):
    label: str
    probability: float


def written(tokens: Sequence[Token]) -> str:
    """The tokens as the model reads them: words as they are, the rest by their kind."""
    return " ".join(token.text if token.kind == "word" else f"x{token.kind}" for token in tokens)


def guesses(texts: Sequence[str]) -> list[list[Guess]]:
    """For each `written` text the labels of phrases.toml, the likeliest first."""
    model = _trained()
    rows = model.predict_proba(texts)
    return [
        sorted(map(Guess, map(str, model.classes_), map(float, row)), key=lambda guess: -guess.probability)
        for row in rows
    ]


@cache
def _trained() -> Any:  # sklearn has no types
    from sklearn.calibration import CalibratedClassifierCV  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline, make_union  # type: ignore[import-untyped]
    from sklearn.svm import LinearSVC  # type: ignore[import-untyped]

    said, labels, templates = zip(*phrases().said, strict=True)
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 3), token_pattern=_WORD, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
    )
    folds = [_fold(templates, number) for number in range(FOLDS)]
    linear = LinearSVC(class_weight="balanced")
    calibrated = CalibratedClassifierCV(linear, method="temperature", cv=folds, ensemble=False)
    return make_pipeline(features, calibrated).fit(said, labels)


def _fold(templates: Sequence[int], number: int) -> tuple[list[int], list[int]]:
    """(learn from, calibrate on): whole templates, for phrases of one are too much alike."""
    held = [index for index, template in enumerate(templates) if template % FOLDS == number]
    return [index for index, template in enumerate(templates) if template % FOLDS != number], held
