"""Links to logs, as people paste them."""

from __future__ import annotations

import pytest

from joblog.client.links import Link, LogPart, is_link, parsed_link, split_part
from joblog.errors import Invalid

SERVER = "http://logs.lab:8470"

NAMED = Link("lab", "resnet", "V0002", "worker-3")


def test_a_link_is_understood_with_and_without_its_server() -> None:
    for start in (SERVER, "logs.lab:8470", "LOGS.lab:8470", ""):
        assert is_link(f"{start}/p/lab/resnet/V0002/worker-3")
        assert parsed_link(f"{start}/p/lab/resnet/V0002/worker-3", SERVER) == NAMED
        assert parsed_link(f"{start}/p/lab/resnet/latest", SERVER) == Link("lab", "resnet", "latest")
    assert parsed_link("https://lab/p/lab/a/2", "https://lab:443/") == Link("lab", "a", "2")
    assert parsed_link("https://lab/logs/p/lab/a/2/", "https://lab/logs") == Link("lab", "a", "2")


def test_the_address_of_the_viewers_page_is_a_link_too() -> None:
    page = "/projects/lab/jobs/1/versions/2/logs/worker-3#L5"
    assert parsed_link(SERVER + page, SERVER) == Link("lab", "1", "2", "worker-3", LogPart(5, 6))


def test_parts_count_from_0_and_have_both_ends() -> None:
    parts = {
        "#L0": LogPart(0, 1),
        "#L120-L140": LogPart(120, 141),
        "#L7-5": LogPart(5, 8),
        "#B100-B200": LogPart(100, 201, in_bytes=True),
    }
    for text, part in parts.items():
        assert split_part(f"resnet/V0002{text}") == ("resnet/V0002", part)
        assert split_part(f"x{part}") == ("x", part)
        assert parsed_link(NAMED.path + text, SERVER).part == part
    assert split_part("resnet") == split_part("resnet#") == ("resnet", None)


def test_a_link_to_another_server_is_none_to_this() -> None:
    """By its host, its port, or its scheme's port; and none has a user or a password."""
    others = ("http://logs.lab", "https://logs.lab", "http://evil.lab:8470", "logs.lab:8471", "http://logs.lab:8470@evil.lab")
    for other in (*others, "http://a@logs.lab:8470", "http://logs.lab:port", "http://[::1"):
        with pytest.raises(Invalid, match=r"LOG must be a link to the server that is asked, logs\.lab:8470"):
            parsed_link(f"{other}/p/lab/resnet/V0002", SERVER)


def test_what_is_no_link_is_told() -> None:
    for text in (
        "/p/lab/resnet",
        "/p/lab/resnet/newest",
        "/p/lab/re.net/V1",
        "/v1/lab/resnet/V1",
        "/p/lab/resnet/V1/rank-1",
        SERVER,
    ):
        with pytest.raises(Invalid, match="LOG must be /p/PROJECT/JOB/V0002/worker-0"):
            parsed_link(text, SERVER)
    for text in ("#L", "#-120", "#L1-B2x", "#Lx", "#2x", "#2#3"):
        with pytest.raises(Invalid, match="LOG must be followed by #L120"):
            split_part("resnet" + text)


def test_names_are_no_links() -> None:
    for name in ("resnet", "resnet/V0002", "resnet/V0002/worker-3", "p/V0001", "p/2/worker-3", "projects/V1/worker-0"):
        assert not is_link(name)
