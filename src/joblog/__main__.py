"""Lets ``python -m joblog`` do what ``joblog`` does."""

from joblog.cli import console

if __name__ == "__main__":
    console()
