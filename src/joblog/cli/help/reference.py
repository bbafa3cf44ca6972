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

`joblog COMMAND --help` says the same of one command. This page is made of the parser by `make reference`; a test
compares them.

**Names.** A run is `JOB/RUN`, one rank's log `JOB/RUN/RANK`: `resnet/V0002/worker-3`, or shorter `resnet#2/3`. A job
is meant by its name or its id, a run by its number or as `latest`. Without a run the latest one is meant, without a
rank the first, and where a name may be left out the latest run of the project. In place of a name there may be a
permanent link or the address of the viewer's page, with the server's address or without:
`https://logs.lab/p/lab/resnet/V0002/worker-3#L120-L140`. A link to another server than the one that is asked is
refused: the token is shown to no other.

**Places.** Behind a name or a link `#L120`, `#L120-L140` or `#B100-B200` is a part of the log for `cat`, `link` and
`open`; other commands take no notice of it. Lines and bytes count from 0, and both ends are included, here, in
`--lines` and `--bytes`, and in what `search` and `why` print: each place that is printed can be pasted behind
`joblog cat`. What is beyond a log's end, or that it is empty, is said on stderr, with status 0.

**On a terminal** `cat` and `tail` show what a terminal shows of a log: bars folded, colours as the log has them, and no
other escape. Where bytes are asked for, and in what `search` finds, control characters are shown, as `^[`, rather than
sent. What is longer than the screen goes to a pager: `$JOBLOG_PAGER`, else `$PAGER`, else `less -FRX`; `cat`, or
nothing, is none; `tail -f` has none. `NO_COLOR` leaves colours out. `--raw` sends all as it is. Into a pipe or a file
the bytes always go as they are; `--plain` folds there too.

**JSON.** `--json` of a list is one array, as gh's is: `joblog runs --json | jq '.[] | .state'`. `search`, `tail` and
`verify` write one object per line, each as it comes.

**Completion** of commands, options, and names of jobs, runs, ranks and metrics: `source <(joblog completion bash)` in
`~/.bashrc`, `source <(joblog completion zsh)` in `~/.zshrc`, `joblog completion fish | source` in
`~/.config/fish/config.fish`. A server that does not answer within a second is not waited for.

**Systems.** What reads logs runs on Linux, macOS and Windows, as the SDK does; `run`, `sync`, `spool`, `follow`,
`canary` and what runs or mends a server need Linux, and say so.

{groups}
## Exit status

| status | |
|---|---|
| 0 | done; of `search`: some line matches |
| 1 | `search`: no line matches. `check`: something is not sound. `verify`: a log is not complete. \
`canary`: something was wrong. `sync`, `follow`, `import`, `move`: not all was sent |
| 2 | an error, told in one line on stderr; wrong usage |
| 130 | ended by Ctrl-C |
| 141 | whoever read stdout has gone |

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
