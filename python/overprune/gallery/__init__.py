"""The gallery: one script a figure, written as a user would write it.

The documentation runs each script as a page, and `overprune figures` draws it under the script's
name. Scripts use the public names of the package alone, and nothing imports them.
"""
