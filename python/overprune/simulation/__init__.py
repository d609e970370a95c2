"""Simulation: trials of a problem on threads, executors and machines, kept in stores.

`simulate` and `schedule` have the public functions; `blocks` cuts a run into blocks, `engine` runs
them, `memory` says what fits, and the modules that begin with `store` keep what was found. Modules
here use `problems` and `fits`, and never `theory`.
"""
