"""Integer division and square root that round to nearest: 32-bit floats carry 24 bits, too few for energy."""

import math


def divide(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest integer (halves upwards). `denominator` must be above 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def root(square: int) -> int:
    """The integer nearest to the square root of `square`; 0 below 1. Newton's iteration from above a float's root."""
    if square < 1:
        return 0
    guess = int(math.sqrt(square) * 1.000001) + 1 if square < 1 << 120 else square
    while True:
        better = (guess + square // guess) >> 1
        if better >= guess:
            break
        guess = better
    return guess + 1 if square - guess * guess > guess else guess
