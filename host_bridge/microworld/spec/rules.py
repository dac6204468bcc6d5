"""The sections [let], [agent.*], [profile] and [[rule]]: what is worked out at a tick."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter

from host_bridge.microworld.language.meaning import Known, Scope, Typed, expect, of, settle
from host_bridge.microworld.language.syntax import Node
from host_bridge.microworld.language.syntax import read as read_expression
from host_bridge.microworld.language.units import ON_OFF, Unit
from host_bridge.microworld.program import Expr, Name, Op
from host_bridge.microworld.spec.source import Source
from host_bridge.microworld.spec.toml_places import Path

MOST_ENTRIES = 64
LET_HINTS = {"output": "lets are worked out before the outputs; write it into the rule"}


@dataclass(slots=True)
class Agents:
    """Who decides what: for each agent its lets and its strategies, and the strategy of each that is played."""

    decides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strategies: dict[str, dict[str, str]] = field(default_factory=dict)  # agent -> strategy -> says
    profile: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Let:
    """A let and its expressions: of one that an agent decides, by strategy; else under ""."""

    name: str
    agent: str = ""
    paths: dict[str, Path] = field(default_factory=dict)
    exprs: dict[str, Expr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one output or next state becomes: the first whose condition holds, else `otherwise`."""

    sets: str  # close, next(since)
    path: Path
    cases: tuple[tuple[Path, Expr, Expr], ...]
    otherwise: Expr

    def expr(self) -> Expr:
        """The whole rule as one expression."""
        result = self.otherwise
        for _, when, then in reversed(self.cases):
            result = Op("if", (when, then, result))
        return result

    def guards(self) -> Iterator[tuple[Path, Expr]]:
        """For each case, and at last for `else`, when it is the one that is taken."""
        before: Expr | None = None
        for path, when, _ in self.cases:
            yield path, when if before is None else Op("and", (before, when))
            before = Op("not", (when,)) if before is None else Op("and", (before, Op("not", (when,))))
        if before is not None:
            yield (*self.path, "else"), before


def read_agents(source: Source) -> Agents:
    """All of [agent] and [profile]."""
    agents = Agents()
    for agent in source.table(("agent",)) or ():
        path: Path = ("agent", agent)
        if source.table(path, ("decides", "strategy", "says"), ("decides", "strategy")) is None:
            continue
        decides = source.list_of((*path, "decides"))
        if not decides or not all(isinstance(name, str) for name in decides):
            source.wrong((*path, "decides"), 'an agent decides at least one let: write decides = ["..."]')
            continue
        agents.decides[agent] = tuple(decides)
        agents.strategies[agent] = {}
        for strategy in source.table((*path, "strategy")) or ():
            its = (*path, "strategy", strategy)
            if source.table(its, (*decides, "says"), decides) is not None:
                agents.strategies[agent][strategy] = source.string((*its, "says"))
        if not agents.strategies[agent]:
            source.wrong(path, f"{agent} has no strategy: write [agent.{agent}.strategy.NAME]", key=True)
    chosen = source.table(("profile",), tuple(agents.decides)) if "profile" in source.places.document else {}
    if chosen is None:
        return agents
    for agent, strategies in agents.strategies.items():
        choice = chosen.get(agent) or (next(iter(strategies)) if len(strategies) == 1 else None)
        if choice in strategies:
            agents.profile[agent] = str(choice)
        elif strategies:
            says = f"write {agent} = one of {', '.join(strategies)}"
            source.wrong(("profile", agent), f"the profile picks no strategy of the agent {agent}: {says}")
    return agents


def read_lets(
    source: Source, agents: Agents, taken: dict[str, Path], known: dict[str, Known], tick_s: int
) -> list[Let]:
    """All lets, those of agents too, sorted so that each names earlier ones only; adds them to `known`."""
    lets = declared_lets(source, agents, taken)
    nodes = {name: syntax(source, let) for name, let in lets.items()}
    known |= {name: Known("broken", ON_OFF) for name in lets}
    found = []
    for name in in_order(source, lets, nodes):
        scope = Scope(known, ("state", "input", "parameter", "let"), "a let", tick_s, (), LET_HINTS)
        unit = read_let(source, lets[name], nodes[name], scope)
        if unit is not None:
            known[name] = Known("let", unit)
            found.append(lets[name])
    return found


def declared_lets(source: Source, agents: Agents, taken: dict[str, Path]) -> dict[str, Let]:
    """All lets by name, without their expressions; their names are added to `taken`."""
    lets = {}
    for name in source.table(("let",)) or ():
        path: Path = ("let", name)
        if source.name(path, taken):
            taken[name], lets[name] = path, Let(name, "", {"": path})
    for agent, decides in agents.decides.items():
        for n, name in enumerate(decides):
            its: dict[str, Path] = {one: ("agent", agent, "strategy", one, name) for one in agents.strategies[agent]}
            if name in taken:
                source.wrong(("agent", agent, "decides", n), f"{name} is the name of something else already")
            elif its and all(source.name(path, taken) for path in its.values()):
                taken[name], lets[name] = ("agent", agent, "decides", n), Let(name, agent, its)
    return lets


def syntax(source: Source, let: Let) -> dict[str, Node | None]:
    """The syntax trees of a let's expressions; None for one that is wrong."""
    found: dict[str, Node | None] = {}
    for choice, path in let.paths.items():
        text = source.written(path)
        found[choice] = None if text is None else source.attempt(path, partial(read_expression, text))
    return found


def in_order(source: Source, lets: Mapping[str, Let], nodes: Mapping[str, Mapping[str, Node | None]]) -> list[str]:
    """The names of the lets, each after those that it names."""
    needs = {
        name: [named for node in nodes[name].values() if node for named in named_in(node) if named in lets]
        for name in lets
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = error.args[1]
        path = next(iter(lets[circle[0]].paths.values()))
        source.wrong(
            path, f"these lets need each other: {' -> '.join(reversed(circle))}; one has to come from the state"
        )
        return []


def named_in(node: Node) -> Iterator[str]:
    """All names in a syntax tree."""
    if node.kind == "name":
        yield node.text
    for arg in node.args:
        yield from named_in(arg)


def read_let(source: Source, let: Let, nodes: Mapping[str, Node | None], scope: Scope) -> Unit | None:
    """Fills in the expressions of `let`, all of one unit; None where one is wrong."""
    typed: dict[str, tuple[Typed, Node]] = {}
    for choice, node in nodes.items():
        meant = None if node is None else source.attempt(let.paths[choice], partial(of, node, scope))
        if node is None or meant is None:
            return None
        typed[choice] = meant, node
    rigid = [one for one, _ in typed.values() if one.literal is None] or [one for one, _ in typed.values()]
    wanted = rigid[0].unit
    for choice, (one, node) in typed.items():
        as_it_is = partial(settle, one, node) if len(typed) == 1 else partial(expect, one, wanted, node)
        fits = source.attempt(let.paths[choice], as_it_is)
        if fits is None:
            return None
        let.exprs[choice] = fits.expr
    return wanted


def read_rules(source: Source, known: Mapping[str, Known], tick_s: int) -> dict[str, Rule]:
    """All rules by what they set, as "close" or "next(since)"; one for each output and each state."""
    targets = {name: name for name, one in known.items() if one.kind == "output"}
    targets |= {f"next({name})": name for name, one in known.items() if one.kind == "state"}
    found: dict[str, Rule] = {}
    seen: dict[str, Path] = {}
    for path in source.tables("rule"):
        right = source.table(path, ("sets", "first", "else", "is", "says"), ("sets",)) is not None
        sets = source.string((*path, "sets")).replace(" ", "")
        if sets in targets and sets not in seen:
            seen[sets] = path
            scope = allowed(known, targets, sets, tick_s)
            rule = read_rule(source, path, sets, scope, known[targets[sets]].unit) if right else None
            if rule:
                found[sets] = rule
        elif right:
            source.wrong((*path, "sets"), wrong_target(source, sets, targets, seen))
    for sets, name in targets.items() if not source.errors else ():
        if sets not in seen:
            value = name if sets != name else "..."
            says = f'{sets} has no rule: write [[rule]] with sets = "{sets}" and is = "{value}"'
            source.wrong(("state" if sets != name else "output", name), says, key=True)
    return found


def wrong_target(source: Source, sets: str, targets: Mapping[str, str], seen: Mapping[str, Path]) -> str:
    """Why no rule can set `sets`."""
    if sets in seen:
        line = source.places.line_column(source.places.key(seen[sets]))[0]
        return f"{sets} has a rule already, in line {line}: put its cases into one"
    says = f"write next({sets}), a state changes with the tick" if f"next({sets})" in targets else ""
    return f"{sets[:50]!r} is no output and no next(state): {says or 'there are ' + ', '.join(targets)}"


def allowed(known: Mapping[str, Known], targets: Mapping[str, str], sets: str, tick_s: int) -> Scope:
    """What a rule may name: an output's, of the outputs only those before it."""
    if sets != targets[sets]:
        return Scope(known, ("state", "input", "parameter", "let", "output"), "a rule", tick_s)
    outputs = [name for name in targets if name == targets[name]]
    later = set(outputs[outputs.index(sets) :])
    its = {name: Known("later output", one.unit) if name in later else one for name, one in known.items()}
    hints = {"later output": "an output names only those that are declared before it, and never itself"}
    return Scope(its, ("state", "input", "parameter", "let", "output"), "this rule", tick_s, (), hints)


def read_rule(source: Source, path: Path, sets: str, scope: Scope, unit: Unit) -> Rule | None:
    """One rule: `is`, or `first` and `else`; without an `else` a state keeps its value."""
    table = source.get(path)
    if ("is" in table) == ("first" in table) or ("is" in table and "else" in table):
        says = f'write is = "..." for {sets}, or first = [{{ when = "...", then = "..." }}] and else = "..."'
        source.wrong(path, says, key=True)
        return None
    cases = []
    entries = source.list_of((*path, "first"))
    if len(entries) > MOST_ENTRIES:
        source.wrong((*path, "first"), f"more than {MOST_ENTRIES} cases: split them over lets")
        return None
    broken = False
    for n in range(len(entries)):
        place = (*path, "first", n)
        if source.table(place, ("when", "then", "says"), ("when", "then")) is None:
            broken = True
            continue
        when = source.expression((*place, "when"), scope, ON_OFF)
        then = source.expression((*place, "then"), scope, unit)
        if when is None or then is None:
            broken = True
        else:
            cases.append((place, when.expr, then.expr))
    last = "is" if "is" in table else "else"
    if last in table:
        otherwise = source.expression((*path, last), scope, unit)
        return Rule(sets, path, tuple(cases), otherwise.expr) if otherwise and not broken else None
    if sets.startswith("next("):
        return None if broken else Rule(sets, path, tuple(cases), Name(sets[5:-1]))
    source.wrong(path, f'the rule for {sets} has no else: write else = "..."', key=True)
    return None
