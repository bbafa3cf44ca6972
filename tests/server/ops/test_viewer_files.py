"""The viewer's files as the server gives them."""

from __future__ import annotations

import gzip
import re

from tests.server.calls import Web
from tests.server.conftest import MakeLog

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def test_the_root_is_the_viewer_for_browsers_and_the_versions_for_clients(web: Web) -> None:
    """ModelArts' clients ask ``/`` for the versions of the identity service."""
    page = web.as_(None).call("GET", "/", accept=HTML)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"{{" not in page.body
    assert "versions" in web.as_(None).call("GET", "/", accept="application/json").json
    assert "versions" in web.as_(None).call("GET", "/").json


def test_an_address_with_nothing_there_is_a_page_in_a_browser(web: Web) -> None:
    """Which says so; a program, and who asks an API, gets an error."""
    page = web.as_(None).call("GET", "/jobs/resnet", accept=HTML)
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    for path, accept in [("/jobs/resnet", "*/*"), ("/api/nothing", HTML), ("/v1/nothing", HTML), ("/v3.0/nothing", HTML)]:
        answer = web.as_(None).call("GET", path, accept=accept)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/json"), path


def test_nothing_inline_and_no_outside_host_may_run(web: Web) -> None:
    """The page names files of this server only, and its policy lets no others run."""
    page = web.as_(None).call("GET", "/projects/default/jobs/1/versions/1/logs/worker-0", accept=HTML)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'", "connect-src": "'self'",
        "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }  # fmt: skip
    addresses = re.findall(rb'(?:src|href)="([^"]*)"', page.body)
    assert addresses
    assert all(address.startswith(b"/ui/") for address in addresses)
    assert not re.search(rb"<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page.body)


def test_files_are_kept_for_ever_and_compressed(web: Web) -> None:
    """Their address changes with their content."""
    page = web.as_(None).call("GET", "/", accept=HTML).body.decode()
    address = next(each for each in re.findall(r'href="([^"]*)"', page) if each.endswith("/main.js"))
    plain = web.as_(None).call("GET", address)
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in plain.headers["cache-control"]
    small = web.as_(None).call("GET", address, accept_encoding="gzip, br")
    assert gzip.decompress(small.body) == plain.body
    old = web.as_(None).call("GET", re.sub(r"/ui/[0-9a-f]+/", "/ui/000000000000/", address))
    assert (old.body, old.headers["cache-control"]) == (plain.body, "no-cache")


def test_a_page_brings_the_modules_that_it_needs(web: Web) -> None:
    """The list of jobs those of the list, a log's page none of them."""
    for path, of_jobs in [
        ("/", True),
        ("/projects/default/", True),
        ("/projects/default/jobs/1/versions/1/logs/worker-0", False),
    ]:
        page = web.as_(None).call("GET", path, accept=HTML).body
        assert (b"/jobs/page.js" in page) is of_jobs, path
        assert b"/log/page.js" in page


def test_files_beside_the_viewer_are_not_served(web: Web) -> None:
    """Only what was read at start has an address."""
    pages = ("/ui/x/index.html", "/ui/x/docs/index.html", "/api/docs/../auth.py")
    for path in ("/ui/x/../server/auth.py", "/ui/x/%2e%2e/server/auth.py", "/ui/", "/ui/x/nothing.js", *pages):
        assert web.as_(None).call("GET", path, accept=HTML).status == 404, path


def test_the_page_of_the_api_runs_no_others(web: Web) -> None:
    """Its policy is the viewer's, but that Swagger UI builds markup out of strings and has pictures in its style."""
    page = web.as_(None).call("GET", "/api/docs")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    assert not re.search(rb"<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page.body)


def test_what_is_kept_compressed_comes_plain_too(web: Web) -> None:
    """To a client that takes no gzip."""
    page = web.as_(None).call("GET", "/api/docs").body.decode()
    address = next(each for each in re.findall(r'src="([^"]*)"', page) if each.endswith("/swagger-ui-bundle.js"))
    plain = web.as_(None).call("GET", address)
    small = web.as_(None).call("GET", address, accept_encoding="gzip")
    assert (len(plain.body) > 1_000_000, small.headers["content-encoding"]) == (True, "gzip")
    assert gzip.decompress(small.body) == plain.body


def test_what_a_log_says_is_never_a_page(web: Web, make_log: MakeLog) -> None:
    """Bytes and lines come with a type that browsers do not second-guess."""
    log = make_log(b"<script>alert(1)</script>\n")
    for what in ("bytes", "lines"):
        reply = web.get(f"{log.api}/{what}")
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-type"] in ("application/octet-stream", "application/json")
