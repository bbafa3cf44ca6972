"""Lets ``python -m joblog.cli`` do what ``joblog`` does."""

from joblog.cli import console

if __name__ == "__main__":
    console()
