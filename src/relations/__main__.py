"""The program `relations`, for `python -m relations`."""

from relations.cli import main

if __name__ == "__main__":
    main()
