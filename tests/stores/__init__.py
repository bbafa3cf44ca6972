"""Two more S3-compatible stores, for ``make test-engines``: Ceph and OpenStack Swift, which fail in ways of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.engines import ObjectServer
from tests.stores.ceph import CephServer
from tests.stores.swift import SwiftServer

STORES: Mapping[str, Callable[[], ObjectServer]] = {CephServer.name: CephServer, SwiftServer.name: SwiftServer}
"""By the names that ``pytest --store`` takes."""
