"""The command line: one module a command, named like it, of a few lines over the rooms below.

`main` joins the commands and is the entry point; `usage` has the options and errors that they
share. It may use every room, and no other room imports it.
"""
