"""Kills nodes, PostgreSQL and the object store under load for minutes: ``python -m bench.chaos --minutes 10``.

Prints what was done, what was killed, the longest time that any call had to be repeated for, and what was lost: nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.chaos import Chaos, Load, Nodes, place, problems
from tests.engines import PostgresServer, SeaweedServer


def main() -> int:
    """Returns 1 when anything was lost, repeated or out of order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--writers", type=int, default=32, help="each with a reader that follows it")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    postgres, s3 = PostgresServer(), SeaweedServer()
    os.environ.update(s3.credentials)
    with tempfile.TemporaryDirectory(prefix="joblog-chaos-") as name:
        nodes = Nodes(Path(name), place(postgres, s3, "chaos"), args.nodes)
        load, chaos = Load(nodes, args.writers), Chaos(nodes, postgres, s3, args.seed)
        load.start()
        until = time.monotonic() + args.minutes * 60
        while time.monotonic() < until and not load.stopping.is_set():
            chaos.step()
        load.stop()
        load.verify()
        nodes.stop()
        wrong = load.failures + problems(Path(name) / "check", nodes.settings)
    postgres.close()
    s3.close()
    said = {
        **{"calls": dict(load.calls), "acknowledged bytes": sum(load.acknowledged), "faults": dict(chaos.faults)},
        **{"longest pause, s": round(load.longest_pause_s, 1), "losses": len(wrong)},
    }
    sys.stdout.write("".join(f"{name:20} {value}\n" for name, value in said.items()))
    sys.stdout.write("".join(f"{each}\n" for each in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
