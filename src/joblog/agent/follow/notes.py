"""What following remembers of each file across a restart: a small note, written when a file is first met or rotated.

The bytes themselves need no note: the file has them, and the server knows how many it holds. What neither of them can
tell after a rotation is which file, by inode, the log's last bytes came from and at which position that file began.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from joblog.api.refs import Gap


@dataclass(frozen=True)
class Note:
    """The log's bytes from ``base_byte`` on are the file's, whose inode this is, from ``file_byte`` on."""

    job_name: str
    run_id: str
    task: str
    device: int = 0
    inode: int = 0
    file_byte: int = 0
    base_byte: int = 0
    base_crc32: int = 0
    gaps: tuple[Gap, ...] = ()
    proved: bool = True


class Notes:
    """The notes of one project's followed files, below ``root``; each is a file of its own."""

    def __init__(self, root: Path, project_id: str, url: str) -> None:
        self._root = root / "follow"
        self._about = f"{url}\0{project_id}\0"

    def load(self, path: Path) -> Note | None:
        """Returns the note about the file at ``path``, None where there is none that can be read."""
        try:
            note = json.loads(self._place(path).read_text("utf-8"))
            return Note(**note | {"gaps": tuple(Gap(**gap) for gap in note["gaps"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, path: Path, mark: Note) -> None:
        """Writes the note; raises OSError."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self._place(path)
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(mark) | {"gaps": [gap._asdict() for gap in mark.gaps]}), "utf-8")
        fresh.replace(place)

    def remove(self, path: Path) -> None:
        """Forgets the file; raises OSError."""
        self._place(path).unlink(missing_ok=True)

    def _place(self, path: Path) -> Path:
        name = hashlib.sha256(f"{self._about}{path}".encode(errors="surrogateescape")).hexdigest()
        return self._root / f"{name[:32]}.json"
