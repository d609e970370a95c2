"""The framework of the C++ tests fails where it should, says where and why, and takes its
arguments.

Usage: check_failing.py PROGRAM, made of failing.cpp. Fails with the difference from failing.txt.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

EXPECTED = Path(__file__).with_name("failing.txt")


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main(program: str) -> int:
    status, printed = run(program)
    found = re.sub(r"^\S*\bfailing\.cpp:", "failing.cpp:", printed, flags=re.MULTILINE)
    faults = list(
        difflib.unified_diff(EXPECTED.read_text().splitlines(), found.splitlines(), lineterm="")
    )
    if status != 1:
        faults.append(f"the program ended with {status}, and not with 1")
    wanted = {
        ("what holds",): (
            0,
            "- what holds\n1 cases passed, 0 failed, 7 left out; 9 checks made, 0 failed\n",
        ),
        ("ends", "--exclude=REQUIRE", "--list"): (0, "an exception ends its case\n"),
        ("no such case",): (2, "no case to run: 8 are left out\n"),
        ("--no-such-option",): (2, "unknown option --no-such-option\n"),
    }
    for arguments, expected in wanted.items():
        got = run(program, *arguments)
        if got != expected:
            faults.append(f"{arguments}: expected {expected}, got {got}")
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
