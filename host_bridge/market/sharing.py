"""Whole units shared out in proportion, to the last one: plain integers of any size."""

from collections.abc import Mapping, Sequence


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Whole parts of `total` in the proportion of `weights`, which sum to it exactly.

    Each is rounded down; the units that this leaves over go one each to the largest remainders, among equal ones to the
    first. So a part is never above its weight where `total` is not above theirs, and no weight means no part. Raises
    ValueError: below 0, or something to share and no weights.
    """
    whole = sum(weights)
    if total < 0 or min(weights, default=0) < 0 or (total and not whole):
        raise ValueError(f"{total} cannot be shared by weights that sum to {whole}: both must be 0 or more")
    if not total or total == whole:
        return [0] * len(weights) if not total else list(weights)
    parts = [weight * total // whole for weight in weights]
    largest = sorted(range(len(parts)), key=lambda at: (-(weights[at] * total % whole), at))
    for at in largest[: total - sum(parts)]:
        parts[at] += 1
    return parts


def dividend(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """The same by name, among equal remainders the first by name; equal parts where no weight is above 0."""
    names = sorted(weights)
    by = [weights[name] for name in names]
    return dict(zip(names, share(total, by if any(by) else [1] * len(by)), strict=True))
