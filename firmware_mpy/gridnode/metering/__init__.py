"""From samples to figures: windows, energy registers, interval records. Pure integer maths, no clock, no pin."""
