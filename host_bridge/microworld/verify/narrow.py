"""What a condition says about a term: the interval that it keeps to where the condition holds, or does not."""

from math import inf

from host_bridge.microworld.verify.term import Bounds, Term, linear, spread


def narrowed(c: Term, holds: bool, term: Term) -> Bounds:
    """An interval that holds `term` wherever the bool `c` is `holds`; empty (low > high) where it never is."""
    low, high = term.low, term.high
    if low == high:
        return low, high
    if c.op == "not":
        return narrowed(c.args[0], not holds, term)
    if c.op in ("and", "or"):
        each = [narrowed(arg, holds, term) for arg in c.args]
        if (c.op == "and") == holds:
            return max(b[0] for b in each), min(b[1] for b in each)
        return min(b[0] for b in each), max(b[1] for b in each)
    if c.op == "eq" and holds:
        return _bounded(_bounded((low, high), term, c.args[0], c.value, 1), term, c.args[0], c.value, -1)
    if c.op == "le" and holds:
        return _bounded((low, high), term, c.args[0], c.value, 1)
    if c.op == "le":
        return _bounded((low, high), term, c.args[0], c.value + 1, -1)
    return low, high


def _bounded(bounds: Bounds, term: Term, left: Term, k: int, sense: int) -> Bounds:
    """`bounds` of `term` given sense * left <= sense * k: left = r * term + rest, so r * term keeps to k - rest."""
    parts, _ = linear(left)
    own, constant = linear(term)
    lead = next(iter(own))
    r, uneven = divmod(parts.get(lead, 0), own[lead])
    if not r or uneven:
        return bounds
    rest = dict(parts)
    for part, factor in own.items():
        rest[part] = rest.get(part, 0) - r * factor
    low, high = spread(rest, -r * constant)
    most = (k - low) if sense > 0 else (high - k)  # sense * r * term <= most
    r *= sense
    if most in (inf, -inf):
        return bounds
    if r > 0:
        return bounds[0], min(bounds[1], most // r)
    return max(bounds[0], -(most // -r)), bounds[1]
