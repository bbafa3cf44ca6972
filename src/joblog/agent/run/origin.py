"""What a run began with: its command, host, user and git commit, as its agent sees them; secrets in the command are masked.

Looked for while the job runs already. No program is started for it: git's own files say which commit is checked out.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from joblog.agent.filters.redact import READY, Redactor, Rule

COMMAND_CHARACTERS = 1000
"""Most that the server takes of a command."""

_SECRET = re.compile(
    r"(?i)(?P<name>(?:--?)?(?:[\w-]*[_-])?(?:token|secret|password|passwd|passphrase|pwd|credentials?|(?:api|access|secret|private)[_-]?key))"
    r"(?P<value>=.*)?",
    re.DOTALL,
)
"""An argument that says by its name that a secret is in it, or in the next one."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)

_PACKED_REFS_BYTES = 16 << 20


def origin(command: Sequence[str], host: str, rules: Iterable[Rule] = ()) -> dict[str, str]:
    """Returns ``command``, ``host``, ``user`` and ``commit``, those that are known.

    ``rules`` mask secrets in the command besides the ready ones.
    """
    known = {"command": masked(command, (*READY, *rules)), "host": host, "user": _user(), "commit": _commit(command)}
    return {name: text for name, text in known.items() if text}


def masked(command: Sequence[str], rules: Iterable[Rule]) -> str:
    """Returns the command as one would type it, with its secrets as asterisks, in one line of what prints, cut off if long."""
    redactor = Redactor(rules)
    text = os.fsencode(shlex.join(_without_secrets(command)).replace("\n", " ").replace("\r", " "))
    shown = (redactor.feed(text) + redactor.flush()).decode("utf-8", "replace")
    shown = "".join(each if each.isprintable() else " " for each in shown)
    return shown if len(shown) <= COMMAND_CHARACTERS else shown[: COMMAND_CHARACTERS - 1] + "…"


def _without_secrets(command: Sequence[str]) -> Iterator[str]:
    follows = False
    for argument in command:
        secret = _SECRET.fullmatch(argument)
        if secret is not None and secret["value"] is not None:
            yield f"{secret['name']}=***"
        else:
            yield "***" if follows and not argument.startswith("-") else argument
        follows = secret is not None and secret["value"] is None and argument.startswith("-")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER", "")


def _commit(command: Sequence[str]) -> str:
    """Returns the commit of the working directory's repository, else of that in which a file stands that the command names."""
    files = (Path(argument).absolute().parent for argument in command if os.path.isfile(argument))
    for place in (Path.cwd(), *files):
        if commit := _commit_at(place):
            return commit
    return ""


def _commit_at(place: Path) -> str:
    try:
        for folder in (place, *place.parents):
            if (folder / ".git").exists():
                return _checked_out(folder / ".git")
    except (OSError, ValueError):
        pass  # as if it was none
    return ""


def _checked_out(git: Path) -> str:
    """Returns what HEAD is; raises OSError, ValueError."""
    if git.is_file():  # of a worktree or a submodule
        git = git.parent / _line(git).removeprefix("gitdir: ")
    head = _line(git / "HEAD")
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else ""
    name = head.removeprefix("ref: ")
    shared = git / _line(git / "commondir") if (git / "commondir").exists() else git
    for folder in (git, shared):
        if (folder / name).is_file():
            commit = _line(folder / name)
            return commit if _COMMIT.fullmatch(commit) else ""
    return _packed(shared / "packed-refs", name)


def _packed(file: Path, name: str) -> str:
    if not file.is_file() or file.stat().st_size > _PACKED_REFS_BYTES:
        return ""
    for line in file.read_text("utf-8", "replace").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name and _COMMIT.fullmatch(commit):
            return commit
    return ""


def _line(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(4096).decode("utf-8").strip()
