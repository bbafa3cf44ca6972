"""docs/cli.md, made of the parser; ``make reference`` writes it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from joblog import cli
from joblog.cli.help.commands import arguments, commands
from joblog.cli.help.examples import EXAMPLES
from joblog.cli.help.help import GROUPS

_INTRODUCTION = """\
# The command line

`joblog COMMAND --help` says the same about one command. `make reference` makes this page from the parser; a test
compares the two.

**Names.** A run is `JOB/RUN`, one rank's log `JOB/RUN/RANK`: `resnet/V0002/worker-3`, or shorter `resnet#2/3`. Give a
job by its name or id, a run by its number or as `latest`. Without a run, a command takes the job's latest one; without
a rank, the first; and where the name may be left out, the project's latest run. A permanent link, or the address of
the viewer's page, will do in place of a name, with the server's address or without:
`https://logs.lab/p/lab/resnet/V0002/worker-3#L120-L140`. A link to another server is refused: only the server that you
ask sees your token.

**Places.** `#L120`, `#L120-L140` or `#B100-B200` behind a name or a link means a part of the log, for `cat`, `link` and
`open`; other commands ignore it. Lines and bytes count from 0, and both ends are included: here, in `--lines` and
`--bytes`, and in what `search` and `why` print, so that you can paste each place they print behind `joblog cat`. If a
part is beyond the log's end, or empty, `cat` says so on stderr and exits with 0.

**On a terminal** `cat` and `tail` show what a terminal would show: bars folded, the log's own colours, no other escape.
With `--bytes`, and in the lines that `search` finds, control characters are shown, as `^[`, and not sent. Output longer
than the screen goes to a pager: `$JOBLOG_PAGER`, else `$PAGER`, else `less -FRX`; set it to `cat`, or to nothing, for
none. `tail -f` uses none. `NO_COLOR` leaves colours out. `--raw` sends every byte unchanged. In a pipe or a file the
bytes are always unchanged; `--plain` folds there too.

**JSON.** `--json` prints a list as one array, as gh does: `joblog runs --json | jq '.[] | .state'`. `search`, `tail`
and `verify` print one object per line, each as it comes.

**Completion** of commands, options, and names of jobs, runs, ranks and metrics: `source <(joblog completion bash)` in
`~/.bashrc`, `source <(joblog completion zsh)` in `~/.zshrc`, `joblog completion fish | source` in
`~/.config/fish/config.fish`. Completion waits for a server's answer for at most a second.

**Systems.** Commands that read logs run on Linux, macOS and Windows, as the SDK does. `run`, `sync`, `spool`, `follow`,
`canary`, and the commands that run or repair a server, need Linux, and say so elsewhere.

{groups}
## Exit status

| status | |
|---|---|
| 0 | done; `search`: some line matches |
| 1 | `search`: no line matches. `check`: something is not sound. `verify`: a log is not complete. \
`canary`: something was wrong. `sync`, `follow`, `import`, `move`: not everything was sent |
| 2 | an error, in one line on stderr; or wrong usage |
| 130 | ended by Ctrl-C |
| 141 | the reader of stdout has gone |

`joblog run` exits with the status of its command: 128 + N after signal N, 126 when the command cannot be run, 127 when
it is not found. Nothing that happens to joblog changes that.
"""


def page() -> str:
    """Returns docs/cli.md."""
    described = (line for name, parser in commands(cli.parser([])) for line in _command(name, parser))
    return _INTRODUCTION.replace("{groups}", "\n".join(_groups())) + "".join(f"{line}\n" for line in described)


def _groups() -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    for group, names in GROUPS.items():
        yield f"| **{group}** | {', '.join(f'`{name}`' for name in names)} |"
    yield ""


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    about = str(parser.description).removeprefix(f"{name.rpartition(' ')[2]}: ")
    yield from ("", f"## joblog {name}", "", about[0].upper() + about[1:], "", "```sh", *EXAMPLES[name], "```", "")
    if arguments(parser):
        yield from ("| | |", "|---|---|")
        yield from (f"| {_argument(action)} | {_cell(str(action.help or ''))} |" for action in arguments(parser))


def _argument(action: argparse.Action) -> str:
    """Returns how an argument is written, as code."""
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper().replace("_", "-")
    choices = "|".join(map(str, action.choices)) if action.choices else metavar
    if not action.option_strings:
        shown = f"[{choices}]" if action.nargs in ("?", "*") else choices
        return f"`{_cell(shown)}`"
    value = "" if action.nargs == 0 else f" {choices}"
    return ", ".join(f"`{_cell(flag + value)}`" for flag in action.option_strings)


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", "\\|").replace("\n", " ")
