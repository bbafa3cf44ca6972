"""Every command in README.md and docs/ is run, as it stands there; what cannot run here has a mark, whose reason is below."""

from __future__ import annotations

import re
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog import cli
from joblog.cli.help.commands import arguments, commands
from tests.docs.blocks import Block, blocks, pages, text_of
from tests.docs.shell import Shell

BACKGROUND = "background"
"""Goes on until the page is through: a server, or what follows for ever."""

NOT_HERE = {
    "install": "installs packages, into whatever environment it is run in; make demo and CI do so in theirs",
    "make": "is what runs these tests, or takes minutes; CI runs it",
    "slurm": "needs Slurm",
    "kubectl": "needs a Kubernetes cluster",
    "torch": "needs PyTorch",
    "modelarts": "needs a ModelArts notebook, or a job there",
    "cluster": "needs a PostgreSQL and an S3 store of that name; tests/upkeep and tests/e2e run it against real ones",
    "root": "changes the machine: users, units, what listens on ports below 1024",
    "certificate": "needs a certificate; tests/agent/test_tls.py makes one",
    "two-machines": "needs another machine",
    "generators": "needs openapi-python-client; tests/clients/test_generated.py runs it",
    "minutes": "takes minutes; tests/e2e runs the same for seconds",
}
"""Marks of what cannot run here, each with its reason. Its joblog commands are parsed at least."""

ELSEWHERE = {
    "README.zh-CN.md": "tests/docs/test_translations.py: the commands are those of README.md",
    "docs/zh/quick-start.md": "tests/docs/test_translations.py: the commands are those of docs/quick-start.md",
    "docs/clients.md": "tests/clients/test_docs.py: each block with its client",
    "docs/cli.md": "tests/cli/test_helping.py: the parser takes each, and the page is what the parser says",
    "docs/ways-in.md": "tests/server/collectors/test_ways_in.py: with each sender",
    "docs/sdk.md": "tests/docs/test_sdk.py: on a server on which is what the page says",
}

ALLOWED_FLAGS = re.compile(
    r"^--(?:compressed|help|tee|log-dir|nproc-per-node|redirects|find-links|no-index|network|error|output|gres|array"
    r"|signal|no-python|max-restarts|rdzv-id|retain-.*|to(?:-.*)?|version|only|delete|pid|test)$"
)


def by_hand(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language in ("sh", "python")]


def runnable(page: str) -> list[Block]:
    return [block for block in by_hand(page) if not set(block.marks) & set(NOT_HERE)]


RUN = [page for page in pages() if page not in ELSEWHERE and runnable(page)]

FIRST = ("README.md", "docs/quick-start.md")
"""Pages that are run every time; the others in a long run."""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in which a server runs, for all pages that have none of their own."""
    shell = Shell(tmp_path_factory.mktemp("home"))
    try:
        shell.start(Block("", 0, "sh", (BACKGROUND,), "joblog serve\n", None))
        yield shell
        shell.check_background()
    finally:
        shell.close()


def has_its_own_server(page: str) -> bool:
    """Whether a page starts one, or calls jobs by their numbers."""
    code = "".join(block.code for block in runnable(page))
    return "joblog serve" in code or re.search(r"jobs/1\b", code) is not None


@pytest.fixture
def shell(page: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """A shell for a page, on a server on which ``resnet`` is a job, but where the page begins with none."""
    if has_its_own_server(page):
        shell = server = Shell(tmp_path)
        project = "default"
        if not any("joblog serve" in block.code for block in runnable(page)):
            shell.start(Block(page, 0, "sh", (BACKGROUND,), "joblog serve\n", None))
    else:
        server = request.getfixturevalue("beside")
        project = re.sub(r"\W+", "-", page)
        shell = Shell(tmp_path, beside=server, project=project)
    try:
        if BACKGROUND not in {mark for block in runnable(page)[:1] for mark in block.marks}:
            with server.client() as client:
                client.create_project(project)
                log = client.run(project, "resnet").log.ref
                client.append(log, 0, b"step=1 loss=0.5\n")
                client.close_log(log, end_byte=16, crc32=zlib.crc32(b"step=1 loss=0.5\n"))
        yield shell
        shell.check_background()
    finally:
        shell.close()


@pytest.mark.slow  # a page is an hour of somebody's work, in seconds
@pytest.mark.parametrize("page", [page if page in FIRST else pytest.param(page, marks=pytest.mark.long) for page in RUN])
def test_commands_work(page: str, shell: Shell) -> None:
    """From top to bottom, in one shell; each block prints what stands behind it."""
    for block in runnable(page):
        if BACKGROUND in block.marks:
            shell.start(block)
        else:
            printed = shell.run(block)
            assert block.printed is None or printed == block.printed, block


def test_every_mark_is_known() -> None:
    """A mark that is misspelt would be one that nobody looks at."""
    known = {BACKGROUND, *NOT_HERE}
    found = {block: block.marks for page in pages() if page not in ELSEWHERE for block in by_hand(page)}
    assert {str(block): marks for block, marks in found.items() if not set(marks) <= known} == {}
    used = {mark for marks in found.values() for mark in marks}
    assert known - used == set(), "marks that no block has"


@pytest.mark.parametrize("page", [page for page in pages() if page not in ELSEWHERE and by_hand(page)])
def test_joblog_commands_are_such(page: str) -> None:
    """The parser takes each, also of those that cannot be run here."""
    for block in by_hand(page):
        for words in joblog_commands(block.code) if block.language == "sh" else ():
            assert is_taken(words), (str(block), words)


def is_taken(words: list[str]) -> bool:
    """Whether the parser takes a command, or answers it, as ``--help``."""
    try:
        return bool(cli.parser(words).parse_args(words).command)
    except SystemExit as ended:
        return ended.code == 0


def joblog_commands(code: str) -> Iterator[list[str]]:
    """The words behind each ``joblog`` of a script, up to the end of that command."""
    code = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", code, flags=re.MULTILINE | re.DOTALL)
    code = re.sub(r"(^|\s)#.*$", "", code, flags=re.MULTILINE).replace("\\\n", " ")
    lexer = shlex.shlex(code, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    words: list[str] | None = None
    for word in [*lexer, ";"]:
        if not set(word) - set("();<>|&\n"):
            if words:  # without any it was another command's argument, as pip's
                yield words
            words = None
        elif words is not None:
            words.append(word)
        elif word == "joblog":
            words = []


def test_flags_in_the_text_exist() -> None:
    """Those that stand as code between words belong to some command of joblog's, or to a known other program."""
    flags = {flag for _, command in commands(cli.parser([])) for action in arguments(command) for flag in action.option_strings}
    for page in pages():
        prose = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
        named = {
            flag for code in re.findall(r"`([^`\n]+)`", prose) for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", code)
        }
        assert {flag for flag in named - flags if not ALLOWED_FLAGS.match(flag)} == set(), page
