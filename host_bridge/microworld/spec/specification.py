"""A microworld's specification: read from TOML, and with a strategy profile and parameters made into a Program."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from host_bridge.microworld.language.fold import fold
from host_bridge.microworld.language.meaning import Known, Scope
from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.language.units import NUMBER, unit
from host_bridge.microworld.monitor import MOST_PLACES, places_at_once
from host_bridge.microworld.program import Claim, Const, Expr, Name, Op, Program, Quantity, names, walk
from host_bridge.microworld.ranges import RangeError, check
from host_bridge.microworld.spec.claims import Written, filled_in, read_assumptions, read_claims
from host_bridge.microworld.spec.declared import (
    Declared,
    Parameter,
    check_reveals,
    literal,
    quantity,
    read_parameters,
    read_quantities,
)
from host_bridge.microworld.spec.rules import Agents, Let, Rule, read_agents, read_lets, read_rules
from host_bridge.microworld.spec.source import Source
from host_bridge.microworld.spec.template import template
from host_bridge.microworld.spec.toml_places import Path, Places
from host_bridge.microworld.spec.toml_places import read as read_places

__all__ = ["Parameter", "Spec", "SpecError", "read", "template"]

SECTIONS = ("world", "parameter", "input", "state", "output", "let", "agent", "profile", "rule",
            "always", "lemma", "stays", "within", "assume")  # fmt: skip
QUANTITIES = ("input", "state", "output")
KINDS = ("controller", "twin")
MOST_NAMES = 200


@dataclass(slots=True)
class Spec:
    """A specification without mistakes. Make one by `read`."""

    name: str
    kind: str
    says: str
    tick_s: int
    parameters: dict[str, Parameter]
    text: str
    places: Places
    file: str
    declared: list[Declared]
    lets: list[Let]
    rules: dict[str, Rule]
    claims: list[Written]
    assumptions: list[tuple[Path, Expr]]
    decides: Agents
    warnings: list[str] = field(default_factory=list)

    @property
    def agents(self) -> dict[str, dict[str, str]]:
        """The strategies of each agent, and what the specification says about each."""
        return {agent: dict(strategies) for agent, strategies in self.decides.strategies.items()}

    @property
    def profile(self) -> dict[str, str]:
        """The strategy that each agent plays where nothing else is chosen."""
        return dict(self.decides.profile)

    def program(
        self,
        profile: Mapping[str, str] | None = None,
        parameters: Mapping[str, int | str] | None = None,
        varied: Sequence[str] = (),
    ) -> Program:
        """The program of a strategy profile and parameters; what is not chosen is as the specification has it.

        A parameter is a whole number in its own unit or a text with a unit, "90 s". Those in `varied` stay open: each
        becomes a state after the specification's own that keeps its value and may start anywhere in its range, so
        that one module serves all its values. Raises SpecError for an unknown name, a parameter outside its range, a
        range or a duration that does not fit it, or an operator that could leave 32 bits.
        """
        source = Source(self.places, self.file)
        chosen, values = self.choose(profile or {}), self.values(source, parameters or {}, varied)
        known: dict[str, Expr] = {name: Const(value) for name, value in values.items() if name not in varied}
        quantities = [quantity(source, declared, known, self.tick_s) for declared in self.declared]
        claims = [filled_in(source, written, known, self.tick_s) for written in self.claims]
        source.end()  # else a range or a duration may be none
        kinds = [declared.kind for declared in self.declared]
        inputs, state, outputs = (of_kind(section, kinds, quantities) for section in QUANTITIES)
        lets = self.filled_lets(chosen, known)
        claims = [filled_in(source, written, known, self.tick_s) for written in self.claims]
        output = tuple(fold(self.rules[q.name].expr(), known) for q in outputs)
        next_state = tuple(fold(self.rules[f"next({q.name})"].expr(), known) for q in state)
        program = Program(
            self.name,
            self.kind,
            self.tick_s,
            (*state, *(self.as_state(name, values[name]) for name in varied)),
            inputs,
            outputs,
            needed(lets, [*output, *next_state, *in_claims(claims)]),
            output,
            (*next_state, *map(Name, varied)),
            tuple(claims),
            tuple(fold(expr, known) for _, expr in self.assumptions),
            self.says,
            chosen,
            {name: value for name, value in values.items() if name not in varied},
        )
        self.check(source, program, known)
        return program

    def filled_lets(self, chosen: Mapping[str, str], known: dict[str, Expr]) -> list[tuple[str, Expr]]:
        """The lets of the chosen strategies; those that are only a number or another name are added to `known`."""
        lets: list[tuple[str, Expr]] = []
        for let in self.lets:
            expr = fold(let.exprs[chosen.get(let.agent, "")], known)
            if isinstance(expr, Op):
                lets.append((let.name, expr))
            else:
                known[let.name] = expr
        return lets

    def as_state(self, name: str, value: int) -> Quantity:
        """The state that a varied parameter is."""
        its = self.parameters[name]
        return Quantity(name, its.unit, its.least, its.greatest, its.says, value)

    def choose(self, profile: Mapping[str, str]) -> dict[str, str]:
        """The strategy of each agent."""
        for agent, strategy in profile.items():
            if strategy not in self.decides.strategies.get(agent, {}):
                agents = ", ".join(f"{name}: {', '.join(its)}" for name, its in self.agents.items()) or "no agents"
                says = f"{agent[:40]} has no strategy {strategy[:40]!r}; there are {agents}"
                raise SpecError(says, *self.places.line_column(self.places.key(("profile", agent))), self.file)
        return {**self.decides.profile, **profile}

    def values(self, source: Source, chosen: Mapping[str, int | str], varied: Sequence[str]) -> dict[str, int]:
        """The value of each parameter, in its unit."""
        for name in (*chosen, *varied):
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                source.wrong(("parameter",), f"no parameter is called {name[:40]!r}: there are {known}", key=True)
        values = {}
        for name, its in self.parameters.items():
            asked = chosen.get(name, its.value)
            value = self.converted(source, name, asked) if isinstance(asked, str) else int(asked)
            if value is not None and not its.least <= value <= its.greatest:
                says = f"{name} = {value} {its.unit} is outside its range {its.least} .. {its.greatest} {its.unit}"
                source.wrong(("parameter", name, "range"), says)
            values[name] = its.value if value is None else value
        source.end()
        return values

    def converted(self, source: Source, name: str, text: str) -> int | None:
        """A parameter's value that was given as text, "90 s"."""
        given = Source(Places(text, {"value": text}), name)
        value = literal(given, ("value",), Scope({}, (), "a parameter", self.tick_s), unit(self.parameters[name].unit))
        if value is None:
            says = given.errors[0].says if given.errors else "no number"
            source.wrong(("parameter", name), f"{name} = {text[:40]!r}: {says}", key=True)
        return value

    def check(self, source: Source, program: Program, known: Mapping[str, Expr]) -> None:
        """Range analysis, whose error is told where the operator was written; and that a monitor can watch it."""
        try:
            check(program)
        except RangeError as error:
            source.wrong(self.written_at(error, program, known), error.says)
        if places_at_once(program) > MOST_PLACES:
            slowest = max(program.outputs, key=lambda quantity: quantity.delay_ticks)
            says = "with this delay actuators may be in too many places at once to watch: shorten it"
            source.wrong(("output", slowest.name, "delay"), says)
        source.end()

    def written_at(self, error: RangeError, program: Program, known: Mapping[str, Expr]) -> Path:
        """The place of the expression that has the operator of a range error."""
        kind, _, name = error.where.partition(" ")
        if kind == "let":
            let = next(let for let in self.lets if let.name == name)
            return let.paths[program.profile.get(let.agent, "")]
        if kind in ("output", "next"):
            rule = self.rules[name if kind == "output" else f"next({name})"]
            parts = [(((*path, key)), part) for path, *two in rule.cases
                     for key, part in zip(("when", "then"), two, strict=True)]  # fmt: skip
            found = (path for path, part in parts if error.expr in walk(fold(part, known)))
            last = "is" if "is" in source_table(self.places, rule.path) else "else"
            return next(found, (*rule.path, last))
        if kind == "claim":
            written = next(one for one in self.claims if one.claim.name == name)
            when = written.claim.when is not None and error.expr in walk(fold(written.claim.when, known))
            return (*written.path, "when" if when else "holds")
        return next(((*path, "holds") for path, expr in self.assumptions if error.expr in walk(fold(expr, known))), ())

    def guards(
        self, profile: Mapping[str, str] | None = None, parameters: Mapping[str, int | str] | None = None
    ) -> list[tuple[str, int, Expr]]:
        """For each case of each rule: what it is called, its line, and when it is the one that is taken.

        Names states, inputs, outputs and lets, of which some may be none of the program's: they are filled in.
        """
        chosen, values = self.choose(profile or {}), self.values(Source(self.places, self.file), parameters or {}, ())
        known: dict[str, Expr] = {name: Const(value) for name, value in values.items()}
        kept = {name for name, _ in self.program(profile, parameters).lets}
        for let in self.lets:
            expr = fold(let.exprs[chosen.get(let.agent, "")], known)
            if let.name not in kept:
                known[let.name] = expr
        found = []
        for rule in self.rules.values():
            for n, (path, guard) in enumerate(rule.guards(), 1):
                what = "else" if path[-1] == "else" else f"case {n}"
                line = self.places.line_column(self.places.value(path))[0]
                found.append((f"{what} of the rule for {rule.sets}", line, fold(guard, known)))
        return found


def source_table(places: Places, path: Path) -> Mapping[str, object]:
    """The table at `path`."""
    table = Source(places, "").get(path)
    return table if isinstance(table, dict) else {}


def in_claims(claims: Sequence[Claim]) -> Iterator[Expr]:
    """All expressions of claims."""
    for claim in claims:
        yield claim.holds
        if claim.when is not None:
            yield claim.when


def needed(lets: Sequence[tuple[str, Expr]], exprs: Sequence[Expr]) -> tuple[tuple[str, Expr], ...]:
    """The lets that `exprs` name, or others that they name."""
    named, kept = set().union(*map(names, exprs)), list[tuple[str, Expr]]()
    for name, expr in reversed(lets):
        if name in named:
            kept.append((name, expr))
            named |= names(expr)
    return tuple(kept[::-1])


def of_kind(kind: str, kinds: Sequence[str], quantities: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """Those of one section, in its order."""
    return tuple(quantity for its, quantity in zip(kinds, quantities, strict=True) if its == kind)


def read(text: str, name: str = "spec.toml") -> Spec:
    """The specification in `text`, which errors call `name`. Raises SpecError; all that is wrong is in its .errors."""
    places = read_places(text, name)
    source = Source(places, name)
    source.table((), SECTIONS)
    source.end()
    title, kind, says, tick_s = read_world(source)
    taken: dict[str, Path] = {}
    typed = read_parameters(source, taken, tick_s)
    known = {key: Known("broken", NUMBER) for key in taken}
    known |= {key: Known("parameter", of) for key, (_, of) in typed.items()}
    scope = Scope(dict(known), ("parameter",), "a bound", tick_s)
    declared = [one for section in QUANTITIES for one in read_quantities(source, section, taken, scope)]
    known |= {one.name: Known(one.kind, one.unit) for one in declared}
    known |= {key: Known("broken", NUMBER) for key in taken if key not in known}
    check_reveals(source, declared)
    agents = read_agents(source)
    lets = read_lets(source, agents, taken, known, tick_s)
    rules = read_rules(source, known, tick_s)
    claims, assumptions = read_claims(source, known, tick_s), read_assumptions(source, known, tick_s)
    if len(taken) > MOST_NAMES:
        source.wrong(taken[list(taken)[MOST_NAMES]], f"more than {MOST_NAMES} names in one microworld", key=True)
    if not any(one.kind == "output" for one in declared) and not source.errors:
        source.wrong(("output",), "a microworld has at least one output: write [output]", key=True)
    source.end()
    parameters = {key: parameter for key, (parameter, _) in typed.items()}
    spec = Spec(title, kind, says, tick_s, parameters, text, places, name, declared, lets, rules, claims,
                assumptions, agents)  # fmt: skip
    try_all(spec)
    spec.warnings = list(unused(spec, taken))
    return spec


def try_all(spec: Spec) -> None:
    """Makes the program of the profile as written, and with each other strategy in its place: raises what is wrong."""
    spec.program()
    for agent, strategies in spec.agents.items():
        for strategy in strategies:
            if strategy != spec.profile[agent]:
                spec.program({agent: strategy})


def read_world(source: Source) -> tuple[str, str, str, int]:
    """Name, kind, what it is for, and the length of a tick in seconds."""
    path: Path = ("world",)
    if source.table(path, ("name", "kind", "tick", "says"), ("name", "kind", "tick")) is None:
        return "", "", "", 1
    name, kind = source.string((*path, "name"), longest=40), source.string((*path, "kind"))
    if not name.isascii() or not name.isidentifier():
        source.wrong((*path, "name"), "a microworld's name is made of letters, digits and _")
    if kind not in KINDS:
        source.wrong((*path, "kind"), f"a microworld is one of {', '.join(KINDS)}")
    tick_s = 1
    typed = source.expression((*path, "tick"), Scope({}, (), "the tick"), unit("s"))
    if typed is not None:
        tick = fold(typed.expr)
        tick_s = tick.value if isinstance(tick, Const) else 0
        if not 1 <= tick_s <= 86400:
            source.wrong((*path, "tick"), "a tick lasts from 1 s to 1 d")
            tick_s = 1
    return name, kind, source.string((*path, "says")), tick_s


def unused(spec: Spec, taken: Mapping[str, Path]) -> Iterator[str]:
    """A warning for each name that nothing needs."""
    exprs = [expr for let in spec.lets for expr in let.exprs.values()] + [rule.expr() for rule in spec.rules.values()]
    exprs += [expr for _, expr in spec.assumptions] + list(in_claims([written.claim for written in spec.claims]))
    exprs += [written.duration for written in spec.claims if written.duration is not None]
    exprs += [expr for one in spec.declared for expr in one.numbers.values()]
    named = {name.rpartition(":")[2] for expr in exprs for name in names(expr)}
    outputs = {one.name for one in spec.declared if one.kind == "output"}
    for name, path in taken.items():
        if name not in named and name not in outputs:
            line = spec.places.line_column(spec.places.key(path))[0]
            yield f"{spec.file}:{line}: {name} is named by no rule and no claim"
