"""Worlds on recorded homes: a year of data, what it costs, who shares it, and sweeps over a thousand variations."""
