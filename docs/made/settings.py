"""docs/settings.md: every setting of the server, and all that is read from the environment."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields
from pathlib import Path

from docs.made.tables import table
from joblog.core.settings import STORED, Settings

_MIB = 1024 * 1024

_HEAD = """\
# Settings

Made of the code by `make reference`; a test compares them.

## The server

`joblog serve` takes each as a flag or from the environment; the flag goes first. It reads them once, at the start. A
value that is not allowed ends it with status 2 and a line that names the setting. `check`, `migrate`, `rebuild` and
`move` take these too; `move` takes them as `--to-...` and `JOBLOG_TO_...` for the other place:
{stored}.

"""

_OBJECTS = """
The object store's credentials come from its own environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and the
like), PostgreSQL's from its address or from libpq's (`PGPASSWORD`, `~/.pgpass`): [scale-out.md](scale-out.md).

## Agents, command line, SDK

"""

READ = {
    "JOBLOG_URL": "where the server is; by default what `url` in the data directory on this machine says, else `http://127.0.0.1:8470`",
    "JOBLOG_TOKEN": "the token; there is no flag for it, since everybody on a machine can read those",
    "JOBLOG_TOKEN_FILE": "a file whose first line is the token (`--token-file`; `-` is standard input). Without either: "
    "`admin.token` in the data directory on this machine",
    "JOBLOG_DATA": "the data directory on this machine; by default `$XDG_DATA_HOME/joblog`, or `~/.local/share/joblog`",
    "JOBLOG_PROJECT": "the project (`--project`); by default `default`",
    "JOBLOG_ORIGIN": "`no`: `joblog run` does not record command, host, user and git commit, as with `--no-origin`",
    "JOBLOG_LABELS": "labels of the job that `joblog run` and `joblog.capture()` log, as `team=vision,seed=7`; `--label` for a "
    "value with a comma",
    "JOBLOG_SPOOL": "where `joblog run` keeps what the server does not have yet, and `joblog follow` its notes; by default "
    "`$XDG_STATE_HOME/joblog/spool`, or `~/.local/state/joblog/spool`",
    "JOBLOG_SPOOL_LIMIT_BYTES": "how much of one log may wait there, as `500M` or `2G` (`--spool-limit`); by default 2 GiB",
    "JOBLOG_RUN_LOG": "set by `joblog run` for its command: project, job, run id and task of its log, for callbacks",
    "JOBLOG_PAGER": "what shows long output on a terminal; `cat`, or nothing, is none. By default `$PAGER`, else `less -FRX`",
}
"""What clients and agents read; ``Client(url, token)`` of the SDK is told these itself."""

_FOREIGN = {
    "`http_proxy`, `https_proxy`, `no_proxy`": "the way to a server that is not this machine",
    "`SSL_CERT_FILE`, `SSL_CERT_DIR`": "the authorities that a server's certificate is checked against",
    "`NO_COLOR`": "no colours on the terminal",
    "`TORCHELASTIC_RUN_ID`, `RANK`, `SLURM_JOB_ID`, `SLURM_PROCID`, `MA_JOB_NAME`, `VC_TASK_INDEX` and others": "job, run and "
    "rank, as Slurm, torchrun, MPI, Kubernetes and ModelArts say them",
}


def page() -> str:
    """Returns docs/settings.md."""
    stored = ", ".join(f"`{_flag(name)}`" for name in STORED)
    server = table(
        ("flag", "environment", "default", "what it is"),
        *(_row(each.name, each.default, dict(each.metadata)) for each in fields(Settings)),
    )
    clients = table(
        ("environment", "what it is"),
        *((f"`{name}`", about) for name, about in READ.items()),
        *_FOREIGN.items(),
    )
    head = _HEAD.format(stored=textwrap.fill(stored, 119, break_long_words=False, break_on_hyphens=False))
    return head + "\n".join(server) + "\n" + _OBJECTS + "\n".join(clients) + "\n"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _row(name: str, default: object, about: dict[str, object]) -> tuple[str, ...]:
    flag = "in the environment only" if about.get("secret") else f"`{_flag(name)}`"
    help = re.sub(r"(<data>[\w/]*)", r"`\1`", str(about["help"]))
    return flag, f"`JOBLOG_{name.upper()}`", _said(name, default), help


def _said(name: str, default: object) -> str:
    if isinstance(default, Path):
        return "`~/.local/share/joblog`"
    if name.endswith("_bytes") and isinstance(default, int):
        return f"`{default}` ({default // _MIB} MiB)"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`" if default != "" else ""
