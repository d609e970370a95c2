"""The command line: one module a command, each of a few lines over the functions of the package.

`main` joins the commands and has the entry point; `usage` has what they share, options, errors in
one line and output. Nothing else of the package imports this room.
"""
