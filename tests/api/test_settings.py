"""Where settings come from, and which wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from joblog.api.settings import MEMORY, ClientSettings, load, own_name
from joblog.errors import Invalid


def found_in(environ: dict[str, str], **flags: str) -> ClientSettings:
    """Returns the settings as they are used, without where they came from."""
    return load(environ, **flags)._replace(said_url="", local=None)


def roots(first: Path) -> tuple[Path, ...]:
    """Returns ``first``, and where spools are if they cannot be there (``test_places.py``)."""
    return first, Path("/tmp") / own_name() / "spool", MEMORY / own_name() / "spool"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A data directory as ``joblog serve`` leaves it."""
    (tmp_path / "url").write_text("http://127.0.0.1:9999\n")
    (tmp_path / "admin.token").write_text("jl_admin\n")
    return tmp_path


def test_nothing_set(tmp_path: Path) -> None:
    """The defaults are below the home directory."""
    expected = ClientSettings("http://127.0.0.1:8470", "", "default", roots(tmp_path / ".local/state/joblog/spool"))
    assert found_in({"HOME": str(tmp_path)}) == expected


def test_local_server_is_found(served: Path) -> None:
    """Who runs the server on the same machine needs to set nothing."""
    chosen = found_in({"JOBLOG_DATA": str(served), "XDG_STATE_HOME": "/state"})
    assert chosen == ClientSettings("http://127.0.0.1:9999", "jl_admin", "default", roots(Path("/state/joblog/spool")))


def test_environment_wins_over_the_local_server(served: Path, tmp_path: Path) -> None:
    """And a flag over both; the token may be in a file."""
    token_file = tmp_path / "token"
    token_file.write_text("jl_file\n")
    environ = {"JOBLOG_DATA": str(served), "JOBLOG_URL": "http://env", "JOBLOG_PROJECT": "env", "JOBLOG_SPOOL": "/s"}
    environ["JOBLOG_TOKEN_FILE"] = str(token_file)
    assert found_in(environ) == ClientSettings("http://env", "jl_file", "env", roots(Path("/s")))
    chosen = found_in(environ | {"JOBLOG_TOKEN": "jl_env"}, url="http://flag", project_id="flag")
    assert chosen == ClientSettings("http://flag", "jl_env", "flag", roots(Path("/s")))


def test_local_admin_token_is_for_the_local_server_only(served: Path) -> None:
    """A server that was named otherwise is not shown it."""
    assert load({"JOBLOG_DATA": str(served)}, url="http://elsewhere").token == ""
    assert load({"JOBLOG_DATA": str(served)}, url="http://127.0.0.1:9999").token == "jl_admin"


def test_missing_token_file_is_said(tmp_path: Path) -> None:
    """Rather than calling without a token."""
    with pytest.raises(Invalid, match="JOBLOG_TOKEN_FILE"):
        load({"JOBLOG_TOKEN_FILE": str(tmp_path / "none")})


def test_token_is_not_shown(served: Path) -> None:
    """Settings that end up in a message do not carry it there."""
    assert "jl_admin" not in repr(load({"JOBLOG_DATA": str(served)}))


def test_token_in_a_file(tmp_path: Path) -> None:
    """The file that a flag names wins; one that cannot be read, or is empty, is refused by the flag's name."""
    file = tmp_path / "token"
    file.write_text("jl_file\nsomething else\n")
    environ = {"JOBLOG_TOKEN": "jl_env", "HOME": str(tmp_path)}
    assert load(environ, token_file=str(file)).token == "jl_file"
    assert load({"JOBLOG_TOKEN_FILE": str(file), "HOME": str(tmp_path)}).token == "jl_file"
    file.write_text("\n")
    for name in (str(file), str(tmp_path / "none")):
        with pytest.raises(Invalid, match="--token-file"):
            load(environ, token_file=name)


def test_recorded_server(served: Path) -> None:
    """It is used where nobody said another one; it never sees the local server's token, unless it is that."""
    chosen = load({"JOBLOG_DATA": str(served)})
    assert (chosen.at("http://far").url, chosen.at("http://far").token) == ("http://far", "")
    assert chosen.at("http://127.0.0.1:9999").token == "jl_admin"
    assert chosen.at("") == chosen
    own = load({"JOBLOG_DATA": str(served), "JOBLOG_TOKEN": "jl_mine"})
    assert (own.at("http://far").url, own.at("http://far").token) == ("http://far", "jl_mine")
    assert load({"JOBLOG_DATA": str(served)}, url="http://near").at("http://far").url == "http://near"
