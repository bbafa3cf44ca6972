"""``joblog help`` and ``joblog version``."""

from __future__ import annotations

import argparse
import sys

from joblog import __version__, cli


def show(args: argparse.Namespace) -> int:
    """Prints the help of the command that is named, or of all."""
    return cli.main([*args.words, "--help"])


def version(_: argparse.Namespace) -> int:
    """Prints the version, as ``--version`` does."""
    sys.stdout.write(f"joblog {__version__}\n")
    return 0
