"""Experiments: a run that a file describes, the directory that holds it, and its answer in words.

`config` reads TOML, `run` carries it out, `answer` words it, `output` writes directories that can
be continued, `reproduce` runs a table again, and `console` prints. The room may use `plot`,
`theory`, `simulation` and the rooms below; `cli`, `explore` and `networks` use it.
"""
