"""``python -m tests.stores.install``: Ceph and PostgreSQL, by apt where that may be; Swift has an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.stores.ceph import PACKAGES, PROGRAMS


def main() -> None:
    """Installs what is missing; raises SystemExit with the command to say when that is not allowed, or fails."""
    if all(map(shutil.which, PROGRAMS)) and any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"Ceph and PostgreSQL are needed; on Debian and Ubuntu: sudo apt-get install {' '.join(PACKAGES)}")
    sys.stderr.write(f"installing {' '.join(PACKAGES)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "-qq", "update"], check=True, env=environment)
        command = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *PACKAGES]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"the packages of Ceph and PostgreSQL were not installed: {error}") from error


if __name__ == "__main__":
    main()
