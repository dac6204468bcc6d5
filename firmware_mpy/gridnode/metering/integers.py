"""Integer division and square root that round to nearest: 32-bit floats carry 24 bits, too few for energy."""


def divide(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest integer (halves upwards). `denominator` must be above 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def root(square: int) -> int:
    """The integer nearest to the square root of `square` (>= 0), by Newton's iteration from above."""
    if square < 1:
        return 0
    guess = 1
    while guess * guess < square:
        guess <<= 1
    while True:
        better = (guess + square // guess) >> 1
        if better >= guess:
            break
        guess = better
    return guess + 1 if square - guess * guess > guess else guess
