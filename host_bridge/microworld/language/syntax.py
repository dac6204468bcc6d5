"""How rules and claims are written: text -> a syntax tree that knows where each part of it stands."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import reduce

from host_bridge.microworld.language.spec_error import ExpressionError
from host_bridge.microworld.language.units import ATOMS
from host_bridge.microworld.program import PREFIXES

# The most characters, parentheses and calls within each other, and operators within each other (a + b + c has two).
WRITTEN = (4000, 30, 60)
SHOWN = (100_000, 90, 200)  # by `show`, where sugar is gone
NAME_LENGTH = 40

# Loosest first; those of one row are read from the left. Comparisons chain: a <= b < c.
BINARY = (("or",), ("and",), ("lt", "le", "gt", "ge", "eq", "ne"), ("add", "sub"), ("mul", "div", "mod"))
ROW = {op: row for row, ops in enumerate(BINARY) for op in ops}
COMPARE = ROW["lt"]
SIGNS = {"or": "or", "and": "and", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
SIGNS |= {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}
OF_SIGN = {sign: op for op, sign in SIGNS.items()}
FUNCTIONS = {"if": (3, 3), "min": (2, 9), "max": (2, 9), "abs": (1, 1), "clamp": (3, 3), "between": (3, 3)}
FUNCTIONS |= {"muldiv": (3, 3), "to": (2, 2)}
WORDS = ("and", "or", "not", "implies", "on", "off")
RESERVED = {*WORDS, *FUNCTIONS, *PREFIXES, *ATOMS, "tick"}
OTHER_WORDS = {"true": "on", "false": "off", "&&": "and", "||": "or", "!": "not", "=": "==", "<>": "!=", "//": "/"}

SPACE = re.compile(r"[ \t\r\n]*")
TOKEN = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?)|(?P<text>'[^'\r\n]*')"
                   r"|(?P<sign><=|>=|==|!=|&&|\|\||<>|//|[-+*/%<>(),!=])")  # fmt: skip
ATOM = "|".join(sorted((re.escape(atom) for atom in ATOMS), key=len, reverse=True))
UNIT = re.compile(rf"(?:{ATOM})(?![A-Za-z0-9_])(?:[*/](?:{ATOM})(?![A-Za-z0-9_]))*(?!\()")
OPERAND = re.compile(r"[ \t\r\n]*(?:[0-9(]|(?!(?:and|or|not|implies)\b)[A-Za-z_])")


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression as it was written, `at` so many characters from the beginning.

    kind: an operator of program.OPERATORS, "implies", "clamp", "between", "chain" (`text`: its comparisons), "to"
    (`text`: the unit), "number" (`number` and its unit in `text`), "switch" (on, off), "name", or "prefixed"
    (`prefix` and `text`).
    """

    kind: str
    at: int
    args: tuple["Node", ...] = ()
    text: str = ""
    number: Fraction = Fraction(0)
    prefix: str = ""
    depth: int = 1


class Reader:
    """Reads one expression by recursive descent."""

    def __init__(self, text: str, longest: int, deepest: int, steepest: int) -> None:
        if len(text) > longest:
            raise ExpressionError(f"longer than {longest} characters: write parts of it as lets", 0)
        self.deepest, self.steepest = deepest, steepest
        self.text, self.at, self.depth = text, 0, 0
        self.kind = self.word = ""
        self.start = 0
        self.advance()

    def advance(self) -> None:
        """Takes the next token; `kind` is "end" after the last."""
        space = SPACE.match(self.text, self.at)
        self.start = self.at = space.end() if space else self.at
        if self.at == len(self.text):
            self.kind, self.word = "end", ""
            return
        token = TOKEN.match(self.text, self.at)
        if token is None:
            raise ExpressionError(f"{self.text[self.at]!r} means nothing here", self.at)
        self.kind, self.word, self.at = token.lastgroup or "", token.group(), token.end()
        if self.kind == "name" and len(self.word) > NAME_LENGTH:
            raise ExpressionError(f"a name has at most {NAME_LENGTH} characters", self.start)

    def expect(self, word: str, after: str) -> None:
        """Takes `word`."""
        if self.word != word:
            raise self.wrong(f"{word!r} {after}")
        self.advance()

    def wrong(self, wanted: str) -> ExpressionError:
        """The error that says what should be here."""
        if self.word in OTHER_WORDS:
            return ExpressionError(f"{self.word!r} is written {OTHER_WORDS[self.word]!r} here", self.start)
        found = "the end" if self.kind == "end" else repr(self.word)
        return ExpressionError(f"{found} where {wanted} is wanted", self.start)

    def whole(self) -> Node:
        """The whole text as one expression."""
        node = self.implication()
        if self.kind != "end":
            raise self.wrong("an operator or the end")
        return node

    def above(self, kind: str, at: int, args: tuple[Node, ...], text: str = "") -> Node:
        """A node with others below it."""
        depth = max(arg.depth for arg in args) + (len(args) - 1 if kind == "chain" else 1)
        if depth > self.steepest:
            says = f"more than {self.steepest} operators build on each other: write parts of it as lets"
            raise ExpressionError(says, at)
        return Node(kind, at, args, text, depth=depth)

    def deeper(self) -> None:
        """Counts a level of parentheses, calls and signs."""
        self.depth += 1
        if self.depth > self.deepest:
            raise ExpressionError(f"nested deeper than {self.deepest}: write parts of it as lets", self.start)

    def implication(self) -> Node:
        """`a implies b`, which is read from the right and binds loosest."""
        self.deeper()
        node = self.binary(0)
        if self.word == "implies":
            at = self.start
            self.advance()
            node = self.above("implies", at, (node, self.implication()))
        self.depth -= 1
        return node

    def binary(self, row: int) -> Node:
        """An operand and what follows it by operators that bind at least as tightly as those of `row` of BINARY."""
        node = self.unary("not", COMPARE) if self.word == "not" and row <= COMPARE else self.signed()
        while (op := OF_SIGN.get(self.word, "")) and ROW[op] >= row:
            if ROW[op] == COMPARE:
                node = self.chain(node)
            else:
                at = self.start
                self.advance()
                node = self.above(op, at, (node, self.binary(ROW[op] + 1)))
        return node

    def chain(self, first: Node) -> Node:
        """Comparisons in a row, which hold all: a <= b < c."""
        at, ops, args = self.start, list[str](), [first]
        while (op := OF_SIGN.get(self.word, "")) and ROW[op] == COMPARE:
            self.advance()
            ops.append(op)
            args.append(self.binary(COMPARE + 1))
        return self.above(ops[0] if len(ops) == 1 else "chain", at, tuple(args), " ".join(ops))

    def unary(self, kind: str, row: int) -> Node:
        """`not` or a minus before something."""
        at = self.start
        self.deeper()
        self.advance()
        node = self.binary(row)
        self.depth -= 1
        if kind == "neg" and node.kind == "number" and self.text[at + 1 : node.at].strip() == "":
            return Node("number", at, (), node.text, -node.number)
        return self.above(kind, at, (node,))

    def signed(self) -> Node:
        """An operand with its minus."""
        return self.unary("neg", len(BINARY)) if self.word == "-" and self.kind == "sign" else self.operand()

    def operand(self) -> Node:
        """A number, a name, a call or something in parentheses."""
        at, word, kind = self.start, self.word, self.kind
        if kind == "number":
            return self.number()
        if word == "(" and kind == "sign":
            self.advance()
            node = self.implication()
            self.expect(")", "after what was opened by '('")
            return node
        if kind != "name" or word in ("and", "or", "implies", "not"):
            raise self.wrong("a number, a name or '('")
        self.advance()
        if self.word == "(":
            return self.call(word, at)
        if word in ("on", "off"):
            return Node("switch", at, (), word, Fraction(word == "on"))
        if word in OTHER_WORDS:
            raise ExpressionError(f"{word!r} is written {OTHER_WORDS[word]!r} here", at)
        if word in FUNCTIONS or word in PREFIXES:
            raise ExpressionError(f"{word} needs its arguments in parentheses", at)
        return Node("name", at, (), word)

    def number(self) -> Node:
        """A number and, where one follows, its unit."""
        at, digits = self.start, self.word.replace("_", "")
        if len(digits) > 20:
            raise ExpressionError("more than 32 bits hold", at)
        after = SPACE.match(self.text, self.at)
        unit = UNIT.match(self.text, after.end() if after else self.at)
        if unit and unit.group() == "%" and OPERAND.match(self.text, unit.end()):
            unit = None  # the rest of a division
        if unit:
            self.at = unit.end()
        self.advance()
        return Node("number", at, (), unit.group() if unit else "", Fraction(digits))

    def call(self, function: str, at: int) -> Node:
        """A function or a prefix of claims, with its arguments."""
        if function in PREFIXES:
            return self.prefixed(function, at)
        if function not in FUNCTIONS:
            near = get_close_matches(function, [*FUNCTIONS, *PREFIXES], 1)
            says = f"did you mean {near[0]}?" if near else f"there are {', '.join(FUNCTIONS)}"
            raise ExpressionError(f"no function is called {function!r}: {says}", at)
        unit = ""
        if function == "to":
            comma = self.text.find(",", self.at)
            if comma < 0:
                raise ExpressionError("to(...) wants a unit and an expression: to(Wh, charge * tick)", at)
            unit, self.at = self.text[self.at : comma].strip(), comma
            self.advance()
        self.advance()
        args = [self.implication()]
        while self.word == "," and self.kind == "sign":
            self.advance()
            args.append(self.implication())
        self.expect(")", f"after the arguments of {function}")
        least, most = FUNCTIONS[function]
        if not least <= len(args) + (function == "to") <= most:
            wants = least if least == most else f"{least} to {most}"
            raise ExpressionError(f"{function} takes {wants} arguments, not {len(args)}", at)
        if function in ("min", "max"):
            return reduce(lambda left, right: self.above(function, at, (left, right)), args)
        return self.above(function, at, tuple(args), unit)

    def prefixed(self, prefix: str, at: int) -> Node:
        """next(soc), left('minimum on time')."""
        self.advance()
        if self.kind not in ("name", "text"):
            raise self.wrong("a name" if prefix not in ("left", "waited") else "a claim's name in '...'")
        named, place = self.word.strip("'"), self.start
        self.advance()
        self.expect(")", f"after the name in {prefix}(...)")
        return Node("prefixed", at, (Node("name", place, (), named),), named, Fraction(0), prefix)


def read(text: str) -> Node:
    """The syntax tree of `text`, as a person writes it. Raises ExpressionError."""
    return Reader(text, *WRITTEN).whole()
