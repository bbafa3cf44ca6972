"""Logs that try to be more than text. Every one of them is shown, and none of them does anything."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.server.calls import Web, made_log
from tests.ui.conftest import Open, settled, shown_lines, until_shown, viewer_path

HOSTILE = {
    "<script>window.hit = 1</script>": None,
    "<img src=x onerror='window.hit = 2'>": None,
    "<svg onload=window.hit=3><a href='javascript:window.hit=4'>": None,
    "</span></div><style>* { display: none }</style>": None,
    "&lt;b&gt; &amp;&#x3c;script&#x3e; {{base}} ${1}": None,
    "http://evil.example/?q=<b> javascript:alert(1)": None,
    "\x1b]8;;http://evil.example/\x07click me\x1b]8;;\x07": "\u241bclick me\u241b",
    "\x1b]0;a title\x07\x1b[2J\x1b[1;1Hover the top\x1b[?1049h": "\u241bover the top",
    "\x1b]52;c;ZXZpbA==\x1b\\": "\u241b",
    "safe \u202e txt.exe \u2066 isolate \u200b zero": "safe <U+202E> txt.exe <U+2066> isolate <U+200B> zero",
    "\x00\x07\x08bell\x7f\x9b31m": "\u2400\u2407\u2408bell\u2421<U+009B>31m",
    "\x1b[31mred\x1b[0m \x1b[38;5;208mten\x1b[0;48;2;1;2;3mtrue\x1b[m end": "red ten true end".replace("ten true", "tentrue"),
    "\x1b[38;2;255;0;0;999999;mred\x1b[12;;;;;m": "red",
    "\x1b]an escape without an end": "\u241ban escape without an end",
    "line\u2028separator\u2029paragraph\u0085": "line<U+2028>separator<U+2029>paragraph<U+0085>",
}


def ran(page: Page) -> bool:
    return bool(
        page.evaluate("() => 'hit' in window || document.querySelector('.lines img, .lines script, .lines svg, .lines style')")
    )


def test_what_a_log_says_is_text_and_runs_nothing(open_page: Open, web: Web) -> None:
    """Markup, escapes, bidi controls and links are characters; only line numbers are links."""
    log = made_log(web, "hostile", "".join(line + "\n" for line in HOSTILE).encode(), closed=True)
    page = open_page(viewer_path(log))
    settled(page)
    assert shown_lines(page) == {number: shown or line for number, (line, shown) in enumerate(HOSTILE.items())}
    page.keyboard.press("w")
    page.locator(".row >> nth=1").hover()
    page.locator(".row >> nth=2").click()
    assert not ran(page)
    links = page.locator(".lines a").evaluate_all("(found) => found.map((each) => each.getAttribute('href'))")
    assert links == [f"#L{number}" for number in range(len(HOSTILE))]


def test_colours_are_shown(open_page: Open, web: Web) -> None:
    """Sixteen by the theme, 256 and true colours as they are; bold, underlined, inverse."""
    line = (
        "\x1b[1;4;31ma\x1b[0m\x1b[38;5;208mb\x1b[48;2;1;2;3mc\x1b[0m\x1b[7md\x1b[27me\x1b[94;103mf\x1b[0m\x1b[38:2::9:8:7mg\n"
    )
    page = open_page(viewer_path(made_log(web, "colours", line.encode(), closed=True)))
    settled(page)
    found = page.locator(".text span").evaluate_all(
        "(all) => all.map((each) => [each.textContent, each.className, each.style.color, each.style.backgroundColor])"
    )
    assert found == [
        ["a", "fg-1 bold underline", "", ""],
        ["b", "", "rgb(255, 135, 0)", ""],
        ["c", "", "rgb(255, 135, 0)", "rgb(1, 2, 3)"],
        ["d", "fg-page bg-text", "", ""],
        ["f", "fg-12 bg-11", "", ""],
        ["g", "", "rgb(9, 8, 7)", ""],
    ]


def test_bytes_that_are_not_text_are_shown_as_such(open_page: Open, web: Web) -> None:
    """Every one of the 256 bytes has its place; each bad one is U+FFFD."""
    data = b"".join(b"<%c>" % byte for byte in range(256) if byte != 0x0A and byte != 0x0D) + b"\n" + b"\xff\xfe\xe2\x28\n"
    page = open_page(viewer_path(made_log(web, "binary", data, closed=True)))
    settled(page)
    shown = shown_lines(page)
    assert shown[0].count("<") == 255
    assert shown[1] == "\ufffd\ufffd\ufffd("


def test_a_name_is_text_too(open_page: Open, web: Web) -> None:
    """What a sender says of itself, as the id of its run, is shown and nothing else."""
    for run_id in ("<img/src=x/onerror=window.hit=1>", "<script>window.hit=2</script>"):
        body = {"job_name": "named", "run_id": run_id}
        run = web.post("/api/projects/default/runs", body).json
    page = open_page(f"/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}/logs/worker-0")
    expect(page.get_by_label("Run", exact=True)).to_contain_text("#2 · <script>window.hit=2</script>")
    assert page.evaluate("'hit' in window") is False


def test_a_line_of_megabytes_is_cut_and_all_of_it_can_be_seen(open_page: Open, web: Web) -> None:
    """The screen has its beginning; a window has the rest, piece by piece."""
    long = b"".join(b"%07d " % number for number in range(400_000))
    page = open_page(viewer_path(made_log(web, "long-line", b"before\n" + long + b"\nafter\n", closed=True)))
    until_shown(page, 2)
    assert shown_lines(page)[0] == "before"
    assert shown_lines(page)[1] == long[:4096].decode() + "3.20 MB more: show all"
    page.get_by_role("button", name="3.20 MB more: show all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("bytes 0 to 65,536 of 3,200,000")
    dialog.get_by_role("button", name="Later").click()
    expect(dialog).to_contain_text("bytes 65,536 to 131,072 of 3,200,000")
    assert dialog.locator("pre").text_content() == long[65536:131072].decode()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_progress_bars_are_folded_and_unfold(open_page: Open, web: Web) -> None:
    """A line that overwrote itself shows what was left, and every frame when asked."""
    frames = [f"{percent}%|{'#' * (percent // 10)}|" for percent in range(0, 101, 20)]
    log = made_log(web, "bars", ("\r" + "\r".join(frames) + "\nwindows\r\nplain\n").encode(), closed=True)
    page = open_page(viewer_path(log))
    settled(page)
    assert shown_lines(page) == {0: "100%|##########|5 overwritten: show", 1: "windows", 2: "plain"}
    page.get_by_role("button", name="5 overwritten: show").click()
    assert page.locator(".frame").all_text_contents() == frames
    page.get_by_role("button", name="fold").click()
    assert shown_lines(page)[0] == "100%|##########|5 overwritten: show"
