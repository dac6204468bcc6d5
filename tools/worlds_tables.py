"""The results of tools/worlds.py as Markdown, for the catalogue's README."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from host_bridge.microworld.study.settle import ratio

# What shared/design/FIELD_NOTES.md found for the 17 homes: thousandths, alone and pooled.
CITED = (
    ("none, cited", 1000, 866),
    ("greedy, cited", 720, 661),
    ("time-of-use rule, cited", 741, 665),
    ("dynamic programme over 24 h, forecast as yesterday, cited", 688, 520),
    ("linear programme with perfect foresight, cited", 645, 497),
)
_BLOCK = r"(<!-- {0}: [^\n]*-->\n).*?(<!-- end -->)"
_MICRO = 1_000_000


def filled(text: str, results: dict[str, Any]) -> str:
    """`text` with each block `<!-- NAME: ... -->` ... `<!-- end -->` filled from `results`. Raises KeyError."""
    for name, render in TABLES.items():
        block = re.compile(_BLOCK.format(name), re.DOTALL)
        if len(block.findall(text)) != 1:
            raise KeyError(f"the README has no block, or several, `<!-- {name}: ... -->` ... `<!-- end -->`")
        table = render(results)
        text = block.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]
    return text


def table(heads: Iterable[str], rows: Iterable[Iterable[object]], rule: str = "---:") -> str:
    """A Markdown table; all columns but the first are numbers, unless `rule` is that of words, "---"."""
    heads = list(heads)
    lines = [heads, ["---", *[rule] * (len(heads) - 1)], *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _energy(results: dict[str, Any]) -> str:
    split = results["homes"]
    heads = ("", "17 homes, alone", "pooled", f"{len(split['held_out'])} held out, alone", "pooled")
    cited = [(words, ratio(alone), ratio(pooled), "", "") for words, alone, pooled in CITED]
    rows = [(_what(row), *_pair(row["all"]), *_pair(row["held_out"])) for row in results["energy"]]
    chosen = [f"{row['world']}: {_words(row['chosen'])}" for row in results["energy"] if "chosen" in row]
    by = len(split["chosen_by"])
    return f"{table(heads, [*cited, *rows])}\n\nChosen by {by} homes among 1000 worlds: {'; '.join(chosen)}."


def _spot(results: dict[str, Any]) -> str:
    heads = ("", "17 homes, pooled", f"{len(results['homes']['held_out'])} held out, pooled")
    return table(heads, [(_what(row), ratio(row["all"][1]), ratio(row["held_out"][1])) for row in results["spot"]])


def _auction(results: dict[str, Any]) -> str:
    heads = ("battery, car", "without auction", "with it", "least saved", "most saved", "traded, kWh", "unbalanced, Wh")
    return table(
        heads,
        [
            (
                f"{row['battery']}, {row['car']}",
                ratio(row["alone"]),
                ratio(row["auction"]),
                _percent(row["least saved"]),
                _percent(row["most saved"]),
                f"{row['traded_kwh']:,}",
                row["unbalanced_wh"],
            )
            for row in results["auction"]
        ],
    )


def _coalition(results: dict[str, Any]) -> str:
    found = results["coalition"]
    exact = found["exact"]
    rows = [
        (
            each["home"],
            _money(each["alone"]),
            _money(each["share"]),
            f"± {_money(each['bound'])}",
            _money(exact[each["home"]]) if each["home"] in exact else "",
        )
        for each in found["members"]
    ]
    total = ("all", *(_money(sum(each[key] for each in found["members"])) for key in ("alone", "share")), "")
    heads = ("home", "pays alone", "share of 17", "bound", f"share of the first {len(exact)}, exact")
    said = (
        f"{found['samples']} random orders; the bounds hold at once with chance 0.95 or more. Of the first "
        f"{len(exact)} alone, the same sampling is off by {_money(found['sampled_off_at_most'])} at most, its bounds "
        f"being {_money(found['sampled_bound_at_least'])} or more."
    )
    return f"{table(heads, [*rows, (*total, _money(found['exact_total']))])}\n\nDollars a year. {said}"


def _lamp(results: dict[str, Any]) -> str:
    found = results["lamp"]
    rows = [
        ("light, of a lamp that is always lit in full", ratio(found["light"])),
        ("CO2, of such a lamp's", ratio(found["co2"])),
        ("CO2 of the lamp, g", f"{found['co2_g']:,}"),
        ("CO2 of such a lamp, g", f"{found['co2_plain_g']:,}"),
        ("ticks run", f"{found['ticks']:,}"),
    ]
    return table(("", "a year"), rows)


def _modules(results: dict[str, Any]) -> str:
    heads = ("specification", "wasm, B", "bytecode, B", "proved", "not proved", "digest")
    return table(
        heads,
        [[f"`{row['specification']}`", *list(row.values())[1:-1], f"`{row['digest']}`"] for row in results["modules"]],
    )


def _what(row: dict[str, Any]) -> str:
    return f"`{row['world']}`, {row['strategy']}" if row["world"] else row["strategy"]


def _pair(pair: list[int | None]) -> list[str]:
    return ["" if each is None else ratio(each) for each in pair]


def _words(chosen: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in chosen.items())


def _percent(thousandths: int) -> str:
    return f"{thousandths // 10}.{thousandths % 10} %" if thousandths >= 0 else f"-{_percent(-thousandths)}"


def _money(micro: int) -> str:
    return f"{(micro + _MICRO // 2) // _MICRO:,}"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "modules": _modules,
    "energy": _energy,
    "spot": _spot,
    "auction": _auction,
    "coalition": _coalition,
    "lamp": _lamp,
}
