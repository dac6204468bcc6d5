"""One tick of a Program as WebAssembly instructions: what is computed once, what is selected, where there is a jump."""

from collections.abc import Sequence

from host_bridge.microworld.graph import Graph
from host_bridge.microworld.program import INT_MAX, INT_MIN, Program

FIRST = 6  # the first local of the body; those before it are the loops'
_PLAIN = {
    **{op: f"i32.{op}" for op in ("add", "sub", "mul", "and", "or", "eq", "ne")},
    **{op: f"i32.{op}_s" for op in ("lt", "le", "gt", "ge", "div")},
    "mod": "i32.rem_s",
    "not": "i32.eqz",
}
_DIVISIONS = ("div", "mod", "muldiv")
_COST = {"const": 0, "local": 0, "mul": 3, "div": 12, "mod": 12, "muldiv": 20}  # roughly cycles; others 1
_JUMP = 24  # what a jump that the processor did not foresee costs, on that scale


class Body:
    """One tick's instructions: `lines`; the locals they use, by number; `locals`: how many there are in all."""

    def __init__(self, program: Program) -> None:
        self.lines: list[str] = []
        self._graph = graph = Graph(program)
        counts = (len(program.state), len(program.inputs), len(program.outputs), len(program.state))
        begins = [FIRST + sum(counts[:at]) for at in range(5)]
        of = [range(begin, begin + count) for begin, count in zip(begins, counts, strict=False)]
        self.state, self.inputs, self.outputs, self.next_state = of
        self.locals = begins[4]
        self._names = [each.name for each in program.quantities()] + [f"next({each.name})" for each in program.state]
        self._depth = 0
        self._known: dict[int, int] = {}  # part -> the local that holds it here
        roots = [*graph.outputs, *graph.next_state]
        self._users = _users(graph, roots)
        self._homes: dict[int, int] = {}  # a root -> the first local that has to hold it
        targets = [*self.outputs, *self.next_state]
        for root, target in zip(roots, targets, strict=True):
            if graph.parts[root].args:
                self._homes.setdefault(root, target)
        for root, target in zip(roots, targets, strict=True):
            if self._known.get(root) != target:
                self._push(root, at_home=True)
                self._set(root, target)

    def legend(self) -> str:
        """What the numbered locals hold, for people."""
        return ", ".join(f"{FIRST + at} {name}" for at, name in enumerate(self._names))

    def _set(self, root: int, target: int) -> None:
        self.lines.append(f"local.set {target}")
        if self._graph.parts[root].args:
            self._known.setdefault(root, target)

    def _get(self, local: int) -> None:
        if self.lines and self.lines[-1] == f"local.set {local}":
            self.lines[-1] = f"local.tee {local}"
        else:
            self.lines.append(f"local.get {local}")

    def _push(self, index: int, at_home: bool = False) -> None:
        """The part's value onto the stack, kept in a local when it is needed again (not if `at_home`: it will be)."""
        part = self._graph.parts[index]
        if index in self._known:
            self._get(self._known[index])
        elif part.op == "const":
            self.lines.append(f"i32.const {part.value}")
        elif part.op == "local":
            self.lines.append(f"local.get {FIRST + part.value}")
        else:
            self._compute(index)
            if not at_home and (len(self._users[index]) > 1 or (index in self._homes and not self._depth)):
                self._known[index] = self._local(index)
                self.lines.append(f"local.tee {self._known[index]}")

    def _local(self, index: int) -> int:
        if index in self._homes and not self._depth:
            return self._homes[index]
        self.locals += 1
        return self.locals - 1

    def _compute(self, index: int) -> None:
        part = self._graph.parts[index]
        if part.op == "if":
            self._choose(*part.args)
        elif part.op == "muldiv":
            self._muldiv(*part.args)
        elif part.op == "eq" and self._graph.ranges[part.args[1]] == (0, 0):
            self._push(part.args[0])
            self.lines.append("i32.eqz")
        else:
            for arg in part.args:
                self._push(arg)
            self.lines.append(_PLAIN[part.op])

    def _muldiv(self, a: int, b: int, c: int) -> None:
        graph = self._graph
        corners = [x * y for x in graph.ranges[a] for y in graph.ranges[b]]
        if min(corners) > INT_MIN and max(corners) <= INT_MAX:
            for arg, then in ((a, []), (b, ["i32.mul"]), (c, ["i32.div_s"])):
                self._push(arg)
                self.lines += then
            return
        for arg, then in ((a, []), (b, ["i64.mul"]), (c, ["i64.div_s", "i32.wrap_i64"])):
            if graph.parts[arg].op == "const":
                self.lines.append(f"i64.const {graph.parts[arg].value}")
            else:
                self._push(arg)
                self.lines.append("i64.extend_i32_s")
            self.lines += then

    def _choose(self, condition: int, then: int, otherwise: int) -> None:
        """`select` where both sides are harmless and cheap, else a jump."""
        if not self._cheap(then, otherwise):
            self._hoist(then, otherwise)
        if self._cheap(then, otherwise):
            self._push(then)
            self._push(otherwise)
            self._push(condition)
            self.lines.append("select")
            return
        self._push(condition)
        self.lines.append("if (result i32)")
        self._side(then)
        self.lines.append("else")
        self._side(otherwise)
        self.lines.append("end")

    def _cheap(self, then: int, otherwise: int) -> bool:
        """Whether computing both sides traps never and costs no more than a wrong guess at a jump."""
        fresh = self._fresh(then, otherwise)
        cost = sum(_COST.get(self._graph.parts[each].op, 1) for each in fresh)
        return cost <= _JUMP and all(map(self._harmless, fresh))

    def _fresh(self, *roots: int) -> set[int]:
        """`roots` and what they are made of, as far as no local holds it yet."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            index = waiting.pop()
            if index not in found and index not in self._known:
                found.add(index)
                waiting += self._graph.parts[index].args
        return found

    def _side(self, index: int) -> None:
        before, self._known = self._known, dict(self._known)
        self._depth += 1
        self._push(index)
        self._depth -= 1
        self._known = before

    def _hoist(self, then: int, otherwise: int) -> None:
        """Compute before the jump what both sides need, or what one side and something outside needs."""
        for index in sorted(self._fresh(then, otherwise), reverse=True):  # the largest parts first
            one, other = self._fresh(then), self._fresh(otherwise)
            if not self._graph.parts[index].args or index not in one | other:
                continue
            both = index in one and index in other
            if (both or not set(self._users[index]) <= one | other) and all(map(self._harmless, self._fresh(index))):
                self._compute(index)
                self._known[index] = self._local(index)
                self.lines.append(f"local.set {self._known[index]}")

    def _harmless(self, index: int) -> bool:
        """Whether it may be computed where nobody asked for it: it never traps, even on what guards keep away."""
        part = self._graph.parts[index]
        if part.op not in _DIVISIONS:
            return True
        least, greatest = self._graph.ranges[part.args[-1]]
        if least <= -1 <= greatest or least <= 0 <= greatest:
            return False
        return self._graph.parts[part.args[-1]].op == "const" or self._graph.fits(part.args[-1])


def _users(graph: Graph, roots: Sequence[int]) -> dict[int, list[int]]:
    """Who needs a part, as often as it does: the parts above it; a root's local counts too, numbered below 0."""
    users: dict[int, list[int]] = {index: [] for index in graph.below(set(roots))}
    for index in users:
        for arg in graph.parts[index].args:
            users[arg].append(index)
    for at, root in enumerate(roots):
        users[root].append(-1 - at)
    return users
