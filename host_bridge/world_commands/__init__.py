"""`gridnexus world ...`: microworlds from a specification to what runs, one module for each kind of work.

Libraries that not every action needs (z3, numpy) are imported where they are used.
"""
