"""Experiments: a run that a file describes, the directory that holds it, and its answer in words.

`config` reads TOML, `run` carries it out, `output` writes directories that can be continued, and
`reproduce` runs a table again. Modules here use every room below them; the command line and the
page of `overprune explore` use them.
"""
