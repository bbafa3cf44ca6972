"""Settings: where each comes from, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from joblog.core.settings import Settings
from joblog.errors import Invalid


def test_defaults() -> None:
    """Without anything said, the directory alone is the environment's."""
    assert Settings.load({}, {"XDG_DATA_HOME": "/x"}) == Settings(data=Path("/x/joblog"))


def test_command_line_comes_before_the_environment() -> None:
    """Which comes before the default."""
    environ = {"JOBLOG_DATA": "/env", "JOBLOG_PORT": "1", "JOBLOG_SEAL_QUIET_S": "7", "JOBLOG_JANITOR_S": "0.5"}
    assert Settings.load({"port": "2"}, environ) == Settings(data=Path("/env"), port=2, seal_quiet_s=7, janitor_s=0.5)


def test_other_variables_do_not_matter() -> None:
    """Nor do empty look-alikes."""
    assert Settings.load({"data": "/d"}, {"JOBLOG_TOKEN": "x", "PORT": "9", "joblog_port": "9"}) == Settings(data=Path("/d"))


def test_data_directory_is_absolute() -> None:
    """A server that changes its directory keeps its data."""
    assert Settings.load({"data": "here"}, {}).data == Path.cwd() / "here"
    assert Settings.load({"data": "~/there"}, {}).data == Path.home() / "there"
    assert Settings.load({}, {}).data == Path.home() / ".local/share/joblog"


@pytest.mark.parametrize("name", [each.name for each in fields(Settings) if each.type in ("int", "float")])
@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e400", str(2**63), "0x10"])
def test_number_that_is_none_is_refused(name: str, text: str) -> None:
    """By the setting's name."""
    with pytest.raises(Invalid, match=f"^{name} must be a (whole )?number of 0 or more, not "):
        Settings.load({name: text}, {})


def test_fraction_is_refused_where_a_whole_number_is_meant() -> None:
    """And taken where seconds may be parts of one."""
    assert Settings.load({"data": "/d", "retain_check_s": "0.25"}, {}).retain_check_s == 0.25
    with pytest.raises(Invalid, match=r"^port must be a whole number of 0 or more, not '0\.5'$"):
        Settings.load({"port": "0.5"}, {})


def test_every_setting_has_its_help() -> None:
    """A sentence for ``joblog serve --help``."""
    assert [each.name for each in fields(Settings) if not each.metadata.get("help")] == []
