"""Contactors: when a load may be switched, for how long, and when it goes back by itself. No pin, no clock."""
