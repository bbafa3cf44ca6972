"""Lets ``python -m joblog.cli`` do what ``joblog`` does."""

import sys

from joblog.cli import main

if __name__ == "__main__":
    sys.exit(main())
