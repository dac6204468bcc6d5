"""Where the buses of a radial feeder go on paper: main lines run to the right, what branches off goes below."""

from collections.abc import Sequence

Place = tuple[int, int]  # column, row


def places(root: int, buses: int, ends: Sequence[tuple[int, int]]) -> list[Place]:
    """[buses], no two alike; the root is at (0, 0). `ends` are the lines and transformers. A mesh is drawn as the tree
    that is found first. Raises ValueError: a bus is not connected to the root."""
    children = _tree(root, buses, ends)
    size = _sizes(root, children)
    found: list[Place] = [(0, 0)] * buses
    _lay(root, (0, 0), children, size, found)
    return found


def _tree(root: int, buses: int, ends: Sequence[tuple[int, int]]) -> list[list[int]]:
    near: list[list[int]] = [[] for _ in range(buses)]
    for first, last in ends:
        near[first].append(last)
        near[last].append(first)
    children: list[list[int]] = [[] for _ in range(buses)]
    seen, waiting = {root}, [root]
    for bus in waiting:
        children[bus] = [other for other in dict.fromkeys(near[bus]) if other not in seen]
        seen.update(children[bus])
        waiting.extend(children[bus])
    if len(seen) < buses:
        raise ValueError("the feeder has buses that are not connected to its root")
    return children


def _sizes(root: int, children: Sequence[Sequence[int]]) -> list[int]:
    order = [root]
    for bus in order:
        order.extend(children[bus])
    size = [1] * len(children)
    for bus in reversed(order):
        size[bus] += sum(size[child] for child in children[bus])
    return size


def _lay(start: int, at: Place, children: Sequence[Sequence[int]], size: Sequence[int], found: list[Place]) -> int:
    """Lays the branch from `start` on, and tells how many rows it took."""
    column, row = at
    later: list[tuple[int, int]] = []
    bus, deep = start, 1
    while True:
        found[bus] = (column, row)
        ahead = sorted(children[bus], key=lambda child: -size[child])
        leaves = [child for child in ahead[1:] if size[child] == 1]
        for below, leaf in enumerate(leaves, 1):
            found[leaf] = (column, row + below)
        deep = max(deep, 1 + len(leaves))
        later.extend((column + 1, child) for child in ahead[1:] if size[child] > 1)
        if not ahead:
            break
        bus, column = ahead[0], column + 1
    for beside, child in later:
        deep += _lay(child, (beside, row + deep), children, size, found)
    return deep
