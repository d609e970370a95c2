"""No object compiled for one instruction-set level may define a weak symbol that another could link
to.

Usage: check_symbols.py NM LIBRARY. Fails with the offending symbols.
"""

import re
import subprocess
import sys

LEVEL = re.compile(r"overprune::kernels::(v\d|generic)::")


def main(nm: str, library: str) -> int:
    listing = subprocess.run(
        [nm, "-C", "--defined-only", library], capture_output=True, text=True, check=True
    ).stdout
    levels, stray = set(), []
    for member in re.split(r"\n(?=\S+\.o:\n)", listing):
        symbols = [
            line.split(maxsplit=2)
            for line in member.splitlines()
            if re.match(r"[0-9a-f]+ \S ", line)
        ]
        own = {match[1] for _, _, name in symbols if (match := LEVEL.match(name))}
        if len(own) != 1:  # an object of the baseline: it may share its weak symbols
            continue
        levels |= own
        # Renamed Eigen belongs to one level; DW.ref is data of the exception tables.
        allowed = re.compile(rf"overprune_eigen_{own.pop()}::|DW\.ref\.")
        stray += [
            f"{kind} {name}"
            for _, kind, name in symbols
            if kind in "WVuwv" and not allowed.search(name)
        ]
    if not levels:
        print(f"no kernel objects found in {library}")
        return 1
    print(f"levels {sorted(levels)}: {len(stray)} stray weak symbols", *stray, sep="\n")
    return 1 if stray else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
