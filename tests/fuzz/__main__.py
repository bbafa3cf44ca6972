"""``make fuzz``: all targets in turn, each time with new examples, for FUZZ_S seconds; what fails is kept and told."""

from __future__ import annotations

import os
import sys
import time

from hypothesis import HealthCheck, settings

from tests.fuzz.targets import TARGETS

EXAMPLES = 200


def main() -> int:
    """Runs until the time is over; 1 when something was found."""
    until_s, rounds = time.monotonic() + float(os.environ.get("FUZZ_S", "3600")), 0
    profile = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    targets = [profile(target) for target in TARGETS]
    while time.monotonic() < until_s:
        targets[rounds % len(targets)]()
        rounds += 1
    print(f"{rounds * EXAMPLES} examples for {len(targets)} targets: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
