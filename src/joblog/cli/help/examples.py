"""Examples for ``--help`` and docs/cli.md, of every command; a test parses each of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from joblog.cli.flags.common import Unasked
from joblog.cli.help.commands import commands

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "run": ("joblog run -- python train.py", "joblog run --job resnet --redact -- torchrun --nproc-per-node 8 train.py"),
    "sync": ("joblog sync",),
    "spool ls": ("joblog spool ls", "joblog spool ls --json"),
    "import": (
        "joblog import train.log old.log.gz",
        "joblog import --job resnet rank0.log rank1.log",
        "joblog import --tree outputs --dry-run",
        "joblog import --job trainer -",
    ),
    "follow": ("joblog follow /var/log/train", "joblog follow --until-idle 60 'outputs/*.log'"),
    "label": ("joblog label resnet team=vision owner=ada", "joblog label resnet owner-"),
    "close": ("joblog close resnet/V0002/worker-3",),
    "cat": (
        "joblog cat resnet",
        "joblog cat resnet/2/3 --lines 100-199",
        "joblog cat https://logs.lab/p/lab/resnet/V0002/worker-3#L120-L140",
        "joblog cat resnet --since 10m --until 5m",
    ),
    "tail": (
        "joblog tail -f resnet",
        "joblog tail -20 resnet",
        "joblog tail --grep 'loss|error' resnet",
        "joblog tail -f resnet --rank 3,7-9 --collapse 10",
    ),
    "search": (
        "joblog search -C 2 'nan|[Ee]rror' resnet",
        "joblog search -F --runs --label team=vision --since 7d 'CUDA out of memory'",
    ),
    "link": ("joblog link resnet --lines 120-140", "joblog link resnet/V0002/worker-3#L120-L140"),
    "open": ("joblog open resnet", "joblog open --print resnet/V0002/worker-3#L120"),
    "verify": (
        "joblog verify resnet",
        "joblog verify resnet --run 2 --rank 3",
        "joblog verify resnet/V0002 --json",
    ),
    "canary": ("joblog canary --minutes 10", "joblog canary --project canary --metrics-port 9470"),
    "jobs": ("joblog jobs", "joblog jobs --state failed --label team=vision", "joblog jobs --project lab --json"),
    "runs": ("joblog runs resnet", "joblog runs --state failed --limit 5", "joblog runs resnet --json"),
    "logs": ("joblog logs", "joblog logs resnet/V0002 --json"),
    "stop": ("joblog stop resnet", "joblog stop resnet/V0002"),
    "rename": ("joblog rename resnet/V0002 'lr 3e-4, warm-up'",),
    "rm": ("joblog rm resnet/V0001 resnet/V0002", "joblog rm --job --yes resnet"),
    "note": ("joblog note resnet/V0002 'learning rate halved'", "joblog note resnet/V0002"),
    "why": ("joblog why", "joblog why resnet/V0002 --rank 0-7", "joblog why resnet --json --max-tokens 2000"),
    "mcp": ("joblog mcp", "joblog mcp --url https://logs.example.com --token-file ~/.joblog-token --project lab"),
    "diff": (
        "joblog diff",
        "joblog diff resnet/V0001 resnet/V0002",
        "joblog diff resnet/V0002/0 resnet/V0002/3",
        "joblog diff --ranks resnet",
    ),
    "templates": ("joblog templates resnet", "joblog templates resnet/V0002 --rank 0-7 -n 20"),
    "progress": ("joblog progress resnet",),
    "metrics": ("joblog metrics resnet", "joblog metrics resnet --plot --names loss accuracy"),
    "watch add": (
        "joblog watch add https://hooks.slack.com/services/T0/B0/abc",
        "joblog watch add --match 'CUDA out of memory' --job resnet mailtos://me:secret@example.org",
        "joblog watch add --metric loss --nan --points 3 --stop",
        "joblog watch add --file rules.toml",
    ),
    "watch ls": ("joblog watch ls",),
    "watch alerts": ("joblog watch alerts", "joblog watch alerts resnet/V0002 --json"),
    "watch rm": ("joblog watch rm stalled 'silent rank'",),
    "watch mute": ("joblog watch mute stalled --for 12h", "joblog watch mute stalled --off"),
    "watch test": ("joblog watch test stalled resnet", "joblog watch test --match 'loss=[0-9]{3}' resnet/V0002"),
    "watch secret": ("joblog watch secret",),
    "serve": ("joblog serve", "joblog serve --host 0.0.0.0 --port 8470 --data /srv/joblog"),
    "check": ("joblog check", "joblog check --data /srv/joblog"),
    "migrate": ("joblog migrate --catalog postgresql://db/joblog",),
    "repair": ("joblog repair", "joblog repair --catalog postgresql://db/joblog --objects s3://logs/joblog"),
    "restore": ("joblog restore --catalog-from /backup/catalog.db",),
    "confirm-clock": ("joblog confirm-clock",),
    "rebuild": ("joblog rebuild --catalog postgresql://db/joblog --objects s3://logs/joblog",),
    "move": (
        "joblog move --data /srv/joblog --to-catalog postgresql://db/joblog --to-objects s3://logs/joblog",
        "joblog move --catalog postgresql://db/joblog --objects s3://logs/joblog --to-data /srv/joblog",
    ),
    "token create": ("joblog token create --right read --expires 30d", "joblog token create --right write --job resnet"),
    "token list": ("joblog token list",),
    "token revoke": ("joblog token revoke 7",),
    "project create": ("joblog project create lab --retain-days 90",),
    "project list": ("joblog project list",),
    "user create": ("joblog user create ada --right read --right write",),
    "user passwd": ("joblog user passwd ada",),
    "user list": ("joblog user list --members",),
    "user delete": ("joblog user delete ada",),
    "user grant": ("joblog user grant ada --project lab --right read",),
    "user revoke": ("joblog user revoke ada --project lab",),
    "key create": ("joblog key create ada --label laptop",),
    "key list": ("joblog key list ada",),
    "key delete": ("joblog key delete ada 4V1HJPZ0QX2ZCFN7M3KD",),
    "help": ("joblog help", "joblog help token create"),
    "version": ("joblog version",),
    "completion": ("source <(joblog completion bash)", "source <(joblog completion zsh)", "joblog completion fish | source"),
}


def add_to(parser: argparse.ArgumentParser) -> None:
    """Puts the examples below the help of each command that the parser has in full."""
    for name, command in commands(parser):
        if isinstance(command, Unasked):
            continue
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        command.epilog = "examples:\n" + "".join(f"  {line}\n" for line in EXAMPLES[name])
