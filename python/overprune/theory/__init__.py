"""Theory: risks, laws of coefficients and advice for a problem, without any data.

`predict`, `schedule`, `fixed_point`, `laws`, `tune`, `advise` and `phase` have the public
functions; `advice` and `phase_points` are parts of the last two. Modules here use `problems` and
`fits`, and never `simulation`.
"""
