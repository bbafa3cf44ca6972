"""The embedded catalog needs no place for temporary files: a full /tmp is not in the way of what is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_MAKE_A_RUN = """
import sys
from pathlib import Path
from joblog.catalog.runs import Runs
from joblog.catalog.sqlite import Sqlite

runs = Runs(Sqlite(Path(sys.argv[1])))
runs.put_project("default", 1)
print(runs.put_run("default", "train", None, 0, 1)[2].log_file)
"""


def test_runs_are_made_where_no_temporary_file_can_be(tmp_path: Path) -> None:
    """A directory that is removed while somebody has it open takes no file."""
    gone = tmp_path / "gone"
    gone.mkdir()
    descriptor = os.open(gone, os.O_RDONLY)
    gone.rmdir()
    done = subprocess.run(
        [sys.executable, "-c", _MAKE_A_RUN, str(tmp_path / "catalog.db")],
        env=os.environ | {"SQLITE_TMPDIR": f"/proc/self/fd/{descriptor}"},
        pass_fds=[descriptor],
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(descriptor)
    assert done.stdout == "job-train.0\n", done.stderr
