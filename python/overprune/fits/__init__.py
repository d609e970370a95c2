"""Fits: numerical work on the user's own arrays, one call of the core each.

`least_squares`, `pruning`, `prune_path`, `features` and `random` have the public functions of these
names. Modules here use `problems` and what is shared, and know neither theory nor simulation.
"""
