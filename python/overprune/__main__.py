"""`python -m overprune` is the command `overprune`."""

from .cli.main import main

if __name__ == "__main__":
    main()
