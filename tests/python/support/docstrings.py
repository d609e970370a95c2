"""What docstrings say, for tests."""

import re


def headings(text):
    """The parameters that a docstring lists, by headings like "name : type" or "name, other :
    type"."""
    section = re.search(r"^Parameters\n-+\n((?:(?!\w+\n---).*\n?)*)", text, re.M)
    lines = section.group(1).splitlines() if section else []
    found = [re.fullmatch(r"(\*?\w+(?:, \*?\w+)*) : \S.*", line) for line in lines]
    return [name.lstrip("*") for match in found if match for name in match.group(1).split(", ")]
