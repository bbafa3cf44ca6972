"""ModelArts' log calls against their documents: the samples, the tables row by row, the recorded and the known clients."""

from __future__ import annotations

from tests.backends import both_ends
from tests.server.calls import MadeLog, Web, made_log, same
from tests.server.conftest import Documented, MakeLog

pytestmark = both_ends

SAMPLE_BY_BYTES = {"is_success": True, "log": "Log string", "log_byte_count": 10, "end_byte": 10, "count": 10}
SAMPLE_BY_LINES = {
    **{"is_success": True, "start_line": "1551252759254000002", "content": "Log string\n"},
    **{"end_line": "1551252759254000003", "lines": 1},
}


def test_sample_by_bytes(documented: Documented) -> None:
    """``GET .../training-jobs/10/versions/10/log?log_file=...&start_byte=0&offset=2048``, as its document has it."""
    path = f"/v1/p/training-jobs/10/versions/10/log?log_file={documented.by_bytes.log_file}&start_byte=0&offset=2048"
    reply = documented.web.call("GET", path)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert same(reply.json, SAMPLE_BY_BYTES)


def test_sample_by_lines(documented: Documented) -> None:
    """``GET .../aom-log?...&base_line= 1551252759254000002&lines=50&order=desc``, as its document has it.

    The types are those of its table: with those of its sample, a Go client cannot read the answer.
    """
    path = f"/v1/p/training-jobs/10/versions/10/aom-log?log_file={documented.by_lines.log_file}"
    for blank in ("", "%20", "+", "%20%20", "%09"):
        for lines in (1, 50):
            reply = documented.web.call("GET", f"{path}&base_line={blank}1551252759254000002&lines={lines}&order=desc")
            assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
            assert same(reply.json, SAMPLE_BY_LINES)


def test_bare_blank_in_the_url_is_not_http(documented: Documented) -> None:
    """The sample as it is printed never leaves a client: such a request line has one word too many."""
    path = f"{documented.by_lines.v1}/aom-log?log_file={documented.by_lines.log_file}&base_line= 1551252759254000002"
    answer = documented.web.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {documented.web.token}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_failed_sample(documented: Documented) -> None:
    """Both names of the message, of which one document has the one and the other the other; no field of success."""
    reply = documented.web.get("/v1/p/training-jobs/10/versions/10/log", log_file="log1.log")
    message = "there is no log file 'log1.log'"
    expected = {"is_success": False, "error_code": "ModelArts.0102", "error_msg": message, "error_message": message}
    assert (reply.status, reply.headers["content-type"]) == (404, "application/json")
    assert same(reply.json, expected)


def test_sample_of_file_names(documented: Documented) -> None:
    """``GET .../log/file-names``: an array of strings."""
    reply = documented.web.get("/v1/p/training-jobs/10/versions/10/log/file-names")
    assert same(reply.json, {"is_success": True, "log_file_list": ["job-log10.0", "job-log10.1"]})


def test_file_names_of_the_recorded_exchange(web: Web) -> None:
    """Job jobtest_TF has job-jobtest-tf.0; workers come in the order of their numbers, not of their digits."""
    log = made_log(web, "jobtest_TF")
    for worker in (10, 2, 1):
        assert web.call("PUT", f"{log.version}/logs/worker-{worker}").status == 200
    names = [f"job-jobtest-tf.{worker}" for worker in (0, 1, 2, 10)]
    assert same(web.get(f"{log.v1}/log/file-names").json, {"is_success": True, "log_file_list": names})


def test_version_without_a_log_has_no_file_names(web: Web) -> None:
    """Nothing was started yet: that is an empty list, not an error."""
    job = web.post("/api/projects/default/jobs", {"name": "no-logs"}).json
    version = web.post(f"/api/projects/default/jobs/{job['id']}/versions", {}).json
    reply = web.get(f"/v1/default/training-jobs/{job['id']}/versions/{version['id']}/log/file-names")
    assert same(reply.json, {"is_success": True, "log_file_list": []})


def bytes_answer(text: str, count: int, end_byte: int) -> dict[str, object]:
    return {"is_success": True, "log": text, "log_byte_count": count, "end_byte": end_byte, "count": count}


def lines_answer(log: MadeLog, content: str, first: int, end: int) -> dict[str, object]:
    base = log.status()["created_ms"] * 10**6
    return {
        **{"is_success": True, "content": content, "lines": end - first},
        **{"start_line": str(base + first), "end_line": str(base + end)},
    }


def test_table_of_byte_requests(make_log: MakeLog) -> None:
    """start_byte, offset: the bytes returned, end_byte."""
    cases: dict[tuple[int | None, int | None], tuple[str, int]] = {
        (None, None): ("Log string", 10), (0, None): ("Log string", 10), (None, 3): ("Log", 3),
        (4, 3): ("str", 7), (4, 2048): ("string", 10), (7, -3): ("str", 7), (2, -2048): ("Lo", 2), (99, -4): ("ring", 10),
        (-1, 4): ("ring", 10), (-1, -4): ("ring", 10), (-1, None): ("Log string", 10), (-1, -2048): ("Log string", 10),
        (4, 0): ("", 4), (99, 0): ("", 10), (-1, 0): ("", 10), (0, -5): ("", 0),
        (10, None): ("", 10), (2**63 - 1, 2048): ("", 10),
    }  # fmt: skip
    log = make_log(b"Log string")
    for (start_byte, offset), (text, end_byte) in cases.items():
        asked = {name: value for name, value in (("start_byte", start_byte), ("offset", offset)) if value is not None}
        assert same(log.bytes_page(**asked), bytes_answer(text, len(text), end_byte)), asked


def test_table_of_line_requests(make_log: MakeLog) -> None:
    """base_line, lines, order: the lines returned, oldest first whatever the order, each ended by a newline."""
    cases: dict[tuple[int | None, int | None, str | None], tuple[int, int]] = {
        (None, 3, "desc"): (57, 60), (None, 3, None): (57, 60), (None, None, None): (10, 60), (None, None, "asc"): (0, 50),
        (None, 500, "asc"): (0, 60), (2, 3, "desc"): (2, 5), (2, 3, None): (2, 5), (58, 50, "desc"): (58, 60),
        (6, 3, "asc"): (3, 6), (2, 50, "asc"): (0, 2), (60, 3, "desc"): (60, 60), (0, 3, "asc"): (0, 0),
        (4, 0, "desc"): (4, 4), (4, 0, "asc"): (4, 4), (None, 0, "desc"): (60, 60), (None, 0, "asc"): (0, 0),
        (61, 3, "desc"): (60, 60), (10**12, 3, "asc"): (57, 60), (-1, 3, "desc"): (0, 3), (-1, 3, "asc"): (0, 0),
    }  # fmt: skip
    log = make_log(b"".join(b"line %d\n" % number for number in range(1, 61)))
    base = log.status()["created_ms"] * 10**6
    for (after, lines, order), (first, end) in cases.items():
        named = (("base_line", None if after is None else base + after), ("lines", lines), ("order", order))
        asked = {name: value for name, value in named if value is not None}
        content = "".join(f"line {number}\n" for number in range(first + 1, end + 1))
        assert same(log.lines_page(**asked), lines_answer(log, content, first, end)), asked


def test_words_of_line_requests(make_log: MakeLog) -> None:
    """Order in any case, an empty base_line, base 0, numbers with blanks, parameters that nobody knows."""
    log = make_log(b"one\ntwo\nthree\n")
    latest, oldest = lines_answer(log, "three\n", 2, 3), lines_answer(log, "one\n", 0, 1)
    assert same(log.lines_page(base_line="", lines=1, order="desc"), latest)
    assert same(log.lines_page(base_line=" ", lines=" 1 ", order="DESC"), latest)
    assert same(log.lines_page(base_line="", lines=1, order="Asc"), oldest)
    assert same(log.lines_page(base_line=0, lines=1, order="desc"), oldest)
    assert same(log.lines_page(lines=1, order="", limit=9, X="y"), latest)


def test_of_a_parameter_given_twice_the_last_counts(make_log: MakeLog) -> None:
    """One of them must; it is the same one everywhere."""
    log = make_log(b"one\ntwo\n")
    path = f"{log.v1}/aom-log?log_file=job-x.0&log_file={log.log_file}&lines=x&lines=1"
    assert same(log.web.call("GET", path).json, lines_answer(log, "two\n", 1, 2))


def test_empty_log(make_log: MakeLog) -> None:
    """It is there, so it is no error: nothing is returned, at position 0."""
    for closed in (False, True):
        log = make_log(closed=closed)
        for asked in ({}, {"start_byte": 0}, {"start_byte": -1}, {"start_byte": 5, "offset": -5}):
            assert same(log.bytes_page(**asked), bytes_answer("", 0, 0))
        for lines in ({}, {"order": "asc"}, {"base_line": 1, "lines": 0}):
            assert same(log.lines_page(**lines), lines_answer(log, "", 0, 0))


def test_log_of_one_newline(make_log: MakeLog) -> None:
    """It is one line, and an empty one."""
    for closed in (False, True):
        log = make_log(b"\n", closed=closed)
        assert same(log.bytes_page(), bytes_answer("\n", 1, 1))
        assert same(log.lines_page(), lines_answer(log, "\n", 0, 1))


def test_unfinished_line_is_held_back_until_it_is_finished_or_the_log_closed(make_log: MakeLog) -> None:
    """By lines; by bytes every byte is there at once. A closed log's last line comes without a newline it never had."""
    log = make_log(b"one\ntw")
    assert same(log.lines_page(), lines_answer(log, "one\n", 0, 1))
    assert same(log.bytes_page(), bytes_answer("one\ntw", 6, 6))
    log.append(6, b"o\nthree")
    assert same(log.lines_page(), lines_answer(log, "one\ntwo\n", 0, 2))
    log.close()
    assert same(log.lines_page(), lines_answer(log, "one\ntwo\nthree", 0, 3))
    assert same(log.lines_page(lines=1), lines_answer(log, "three", 2, 3))


def test_carriage_returns_stay(make_log: MakeLog) -> None:
    """Progress bars and Windows line ends: only a newline ends a line, and nothing is taken away."""
    log = make_log(b"10%\r20%\r100%\nend\r\n\r\n")
    assert same(log.lines_page(), lines_answer(log, "10%\r20%\r100%\nend\r\n\r\n", 0, 3))
    assert same(log.lines_page(lines=2), lines_answer(log, "end\r\n\r\n", 1, 3))


def test_byte_pages_never_cut_a_character(make_log: MakeLog) -> None:
    """They end earlier, or begin later, and say so; a page too small for one character gives it whole."""
    log = make_log("训练🚀".encode() + b"\xff\n")
    cases = {
        (0, 4): ("训", 3, 3), (3, 4): ("练", 3, 6), (3, 5): ("练", 3, 6), (3, 7): ("练🚀", 7, 10), (1, 5): ("练", 3, 6),
        (0, 1): ("训", 3, 3), (6, 1): ("🚀", 4, 10), (10, -3): ("🚀", 4, 10), (6, -5): ("练", 3, 6),
        (-1, 2): ("\ufffd\n", 2, 12),
    }  # fmt: skip
    for (start_byte, offset), (text, count, end_byte) in cases.items():
        expected = bytes_answer(text, count, end_byte)
        assert same(log.bytes_page(start_byte=start_byte, offset=offset), expected), (start_byte, offset)


def test_bytes_that_are_not_utf8_are_counted_as_they_are(make_log: MakeLog) -> None:
    """One U+FFFD each; NUL and escapes are text."""
    log = make_log(b"\xff\xfe\x00\x1b[0m \xe8\xae\n")
    assert same(log.bytes_page(), bytes_answer("\ufffd\ufffd\x00\x1b[0m \ufffd\ufffd\n", 11, 11))
    assert same(log.lines_page(), lines_answer(log, "\ufffd\ufffd\x00\x1b[0m \ufffd\ufffd\n", 0, 1))


def test_character_of_which_a_part_has_arrived_is_waited_for(make_log: MakeLog) -> None:
    """A reader at the end of a growing log gets it once, whole."""
    log = make_log("ab训".encode()[:4])
    assert same(log.bytes_page(), bytes_answer("ab", 2, 2))
    assert same(log.bytes_page(start_byte=2), bytes_answer("", 0, 2))
    log.append(4, "训".encode()[2:])
    assert same(log.bytes_page(start_byte=2), bytes_answer("训", 3, 5))


def test_trailing_slash_is_accepted(make_log: MakeLog) -> None:
    """Some clients put one behind every path."""
    log = make_log(b"one\n")
    for call in ("log", "aom-log", "log/file-names"):
        with_slash = log.web.get(f"{log.v1}/{call}/", log_file=log.log_file)
        assert (with_slash.status, with_slash.json) == (200, log.web.get(f"{log.v1}/{call}", log_file=log.log_file).json)


def test_every_answer_has_a_request_id_of_its_own(make_log: MakeLog) -> None:
    """Clients print it with their errors."""
    log = make_log()
    replies = [log.web.get(f"{log.v1}/{call}") for call in ("log", "aom-log", "log/file-names", "nothing") * 2]
    assert len({reply.headers["x-request-id"] for reply in replies}) == 8


def test_viewer_pages_up_to_the_top_and_down_again(make_log: MakeLog) -> None:
    """As the known web page does: bottom first, up by start_line, down by end_line, glueing what it gets."""
    text = "".join(f"line {number}\n" for number in range(200))
    log = make_log(text.encode())
    page = bottom = log.lines_page(base_line="", lines=60, order="desc")
    shown = [page]
    while (page := log.lines_page(base_line=page["start_line"], lines=60, order="asc"))["lines"]:
        shown.insert(0, page)
    assert "".join(each["content"] for each in shown) == text
    assert same(log.lines_page(base_line="", lines=60, order="asc")["start_line"], shown[0]["start_line"])
    down = log.lines_page(base_line=bottom["end_line"], lines=60, order="desc")
    assert (down["lines"], down["end_line"]) == (0, bottom["end_line"])
    log.append(len(text), b"new\n")
    down = log.lines_page(base_line=down["end_line"], lines=60, order="desc")
    assert (down["content"], down["start_line"]) == ("new\n", bottom["end_line"])
