"""What is wrong with a specification, and where."""


class SpecError(ValueError):
    """A mistake in a specification, at a line and a column of its text (both from 1), with what to write instead.

    `errors` are all that were found in one reading, this one first.
    """

    def __init__(self, says: str, line: int = 1, column: int = 1, file: str = "") -> None:
        super().__init__(says)
        self.says, self.line, self.column, self.file = says, line, column, file
        self.errors: list[SpecError] = [self]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.says}"


class ExpressionError(ValueError):
    """A mistake in an expression, `at` so many characters from its beginning."""

    def __init__(self, says: str, at: int) -> None:
        super().__init__(says)
        self.says, self.at = says, at
