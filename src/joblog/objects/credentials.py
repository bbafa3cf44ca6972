"""Credentials of two object stores at a time: those of the usual environment, and others for the second store.

The stores' library takes them from the environment of the process, by names of which there are dozens (keys, session tokens,
web identities, files). So a store with credentials of its own is opened while that environment is another one: of a family of
names, all or nothing, lest the one store's session token go with the other one's key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FAMILIES = ("AWS_", "AZURE_", "GOOGLE_")
"""How the names begin that S3, Azure and Google stores know."""


def prefixed(prefix: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns what stands behind the prefix in an environment, by the names that stores know."""
    named = {name.removeprefix(prefix): value for name, value in environ.items() if name.startswith(prefix)}
    return {name: value for name, value in named.items() if name.startswith(FAMILIES)}


@contextmanager
def environment(own: Mapping[str, str]) -> Iterator[None]:
    """Has these in the environment, and nothing else of their families, until it is left; no other thread may be running."""
    families = tuple(family for family in FAMILIES if any(name.startswith(family) for name in own))
    before = {name: value for name, value in os.environ.items() if families and name.startswith(families)}
    try:
        _replace(before, own)
        yield
    finally:
        _replace(own, before)


def _replace(there: Mapping[str, str], others: Mapping[str, str]) -> None:
    for name in there:
        os.environ.pop(name, None)
    os.environ.update(others)
