"""The settings as flags of the commands that run a server or look at what it keeps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any

from joblog.core.settings import CHOICES, STORED, Settings


def add_to(serve: argparse.ArgumentParser, move: argparse.ArgumentParser, others: Sequence[argparse.ArgumentParser]) -> None:
    """Adds all to ``serve``, to the others those that say where things are kept, and to ``move`` these of the new place too."""
    for setting in fields(Settings):
        if setting.metadata.get("secret"):
            continue
        flag, about, shown = f"--{setting.name.replace('_', '-')}", _about(setting), _metavar(setting)
        serve.add_argument(flag, metavar=shown, help=about)
        if setting.name in STORED:
            for other in (*others, move):
                other.add_argument(flag, metavar=shown, help=about)
            move.add_argument(f"--to-{flag[2:]}", metavar=shown, help=f"for the new place: {about}")


def _metavar(setting: Field[Any]) -> str:
    if setting.name in CHOICES:
        return "|".join(CHOICES[setting.name])
    *_, last = setting.name.split("_")
    if last in ("bytes", "s", "days"):
        return {"s": "SECONDS"}.get(last, last.upper())
    return "N" if isinstance(setting.default, int) else {"data": "DIR", "objects": "URL"}.get(last, last.upper())


def _about(setting: Field[Any]) -> str:
    about: str = setting.metadata["help"]
    plain = isinstance(setting.default, int | float | str) and str(setting.default) and "default" not in about
    return f"{about} (default: {setting.default})" if plain else about
