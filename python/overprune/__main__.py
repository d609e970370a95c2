"""`python -m overprune` is the command `overprune`."""

from ._cli import main

if __name__ == "__main__":
    main()
