"""Lets ``python -m joblog`` do what ``joblog`` does."""

import sys

from joblog.cli import main

if __name__ == "__main__":
    sys.exit(main())
