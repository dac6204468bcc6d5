"""Numbers in words -> digits: "twenty-one" 21, "a hundred and fifty" 150, "eighteen hundred" 1800, "minus five" -5."""

import re

_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SMALL += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
VALUES = {word: value for value, word in enumerate(_SMALL)} | {word: 20 + 10 * i for i, word in enumerate(_TENS)}
VALUES |= {"fourty": 40, "fiver": 5, "tenner": 10}
_MONEY = {"fiver": "5 euros", "tenner": "10 euros"}
_UNITS = "|".join(_SMALL[1:10])
_WORD = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)}|fourty)(?:[- ](?P<unit>{_UNITS}))?|(?P<small>{'|'.join(_SMALL)}))\b"
)
_HUNDRED = re.compile(r"\b(?:(\d+)|an?)? ?hundred(?: and)?(?: (\d{1,2}))?\b")
# "one" is more often a pronoun than a number.
_ONE_AFTER = re.compile(r"(?:by|before|at|from|to|until|till|between|and|past|after|half|-) $")
_ONE_BEFORE = re.compile(r" (?:am|pm|oclock|degrees?|percent|euros?|dollars?|pounds?|cents?|hundred|hours?|minutes?)\b")


def digits(text: str) -> str:
    """`text`, lower case, with its numbers in digits."""
    for word, money in _MONEY.items():
        text = re.sub(rf"\b(?:a )?{word}\b", money, text)
    text = _HUNDRED.sub(_hundreds, _WORD.sub(_number, text))
    return re.sub(r"\bminus (?=\d)", "-", text)


def _number(found: re.Match[str]) -> str:
    if found["tens"]:
        return str(VALUES[found["tens"]] + VALUES.get(found["unit"] or "", 0))
    text = found.string
    said_as_number = _ONE_AFTER.search(text, 0, found.start()) or _ONE_BEFORE.match(text, found.end())
    if found["small"] == "one" and not said_as_number:
        return "one"
    return str(VALUES[found["small"]])


def _hundreds(found: re.Match[str]) -> str:
    return str(int(found[1] or 1) * 100 + int(found[2] or 0)) if found[1] or found[0].strip() else found[0]
