"""What moves whole rows of a screen: regions that scroll, rows inserted and deleted, the other screen of programs."""

from __future__ import annotations

from joblog.views.terminal.row import Row
from joblog.views.terminal.screen import WINDOW_ROWS, Kept, Screen
from joblog.views.terminal.sgr import PLAIN


def set_region(screen: Screen, numbers: list[int], start: int, end: int) -> None:
    """Sets which rows scroll, by their numbers from 1; without numbers, all. The cursor goes home."""
    bottom = numbers[1] if len(numbers) > 1 and numbers[1] else 0
    if bottom and not screen.known and screen.main is None and bottom != screen.height:
        screen.address(bottom)  # a row below it is what the region is for
    top = max(numbers[0], 1) - 1
    last = min(bottom or screen.height, screen.height) - 1
    if top < last:
        screen.top, screen.bottom = top, last
        if (top, last) != (0, screen.height - 1):
            screen.fill(last + 1, end)
        screen.place(0, 0, start, end)


def scroll_up(screen: Screen, count: int, start: int, end: int) -> None:
    """Moves the rows of the region up."""
    screen.row.visit(start, end, screen.line)
    _touch_top(screen, start, end)
    screen.fill(min(screen.bottom, screen.y) + 1, end)
    for _ in range(min(count, screen.bottom - screen.top + 1)):
        screen.scroll(end)
    screen.fill(screen.y + 1, end)
    screen.own(screen.y)


def scroll_down(screen: Screen, count: int, start: int, end: int) -> None:
    """Moves the rows of the region down; what leaves it below is gone."""
    screen.row.visit(start, end, screen.line)
    _touch_top(screen, start, end)
    _insert(screen, screen.top, count, end)


def _touch_top(screen: Screen, start: int, end: int) -> None:
    """Notes that what comes of these bytes depends on which row is the top one: no screen can begin below it."""
    for y in {0, min(screen.top, len(screen.rows) - 1)}:
        screen.own(y).visit(start, end, screen.line)


def reverse_feed(screen: Screen, start: int, end: int) -> None:
    """Goes up a row; at the top of the region it scrolls down."""
    screen.row.visit(start, end, screen.line)
    if screen.y == screen.top:
        _insert(screen, screen.top, 1, end)
    else:
        screen.go(screen.y - 1, start, end)


def feed(screen: Screen, start: int, end: int) -> None:
    """Goes down a row in the same column; at the bottom of the region it scrolls up."""
    screen.row.visit(start, end, screen.line)
    if screen.y == screen.bottom:
        screen.scroll(end)
        screen.own(screen.y)
    elif screen.y + 1 == len(screen.rows) < screen.height:  # a new row begins behind the feed, as where it scrolls
        screen.rows.append(screen.new_row(end))
        screen.y += 1
        screen.own(screen.y)
    else:
        screen.go(screen.y + 1, start, end)


def insert_rows(screen: Screen, count: int, start: int, end: int) -> None:
    """Inserts rows at the cursor; those below move down within the region."""
    screen.row.visit(start, end, screen.line)
    if screen.top <= screen.y <= screen.bottom:
        _insert(screen, screen.y, count, end)
        screen.x = 0


def delete_rows(screen: Screen, count: int, start: int, end: int) -> None:
    """Deletes rows from the cursor on; those below move up within the region."""
    screen.row.visit(start, end, screen.line)
    if not screen.top <= screen.y <= screen.bottom:
        return
    below = len(screen.rows) > screen.bottom + 1
    count = min(count, min(screen.bottom + 1, len(screen.rows)) - screen.y)
    deleted = screen.rows[screen.y : screen.y + count]
    del screen.rows[screen.y : screen.y + count]
    if below:
        blank = Row(end, screen.line, screen.pen, fresh=False)
        blank.shared = True
        at = screen.bottom + 1 - count
        screen.rows[at:at] = [blank] * count
    screen.fill(screen.y + 1, end)
    row = screen.own(screen.y)
    row.visit(start, end, screen.line)
    for each in deleted:
        row.absorb(each)
    screen.x = 0


def _insert(screen: Screen, y: int, count: int, at: int) -> None:
    count = min(count, screen.bottom + 1 - y)
    if not screen.known and screen.height == WINDOW_ROWS and screen.main is None and screen.top == 0:
        # Nothing says that it ends there: what a real one would push out below stays, and it is the top that has scrolled.
        over = min(max(len(screen.rows) + count - screen.bottom - 1, 0), y)
        screen.done += screen.rows[:over]
        del screen.rows[:over]
        y, screen.y = y - over, screen.y - over
    else:
        _touch_top(screen, at, at)
    blank = Row(at, screen.line, screen.pen, fresh=False)
    blank.shared = True
    del screen.rows[max(screen.bottom + 1 - count, y) : screen.bottom + 1]
    screen.rows[y:y] = [blank] * count
    screen.fill(screen.y + 1, at)
    screen.own(screen.y)


def enter_other(screen: Screen, start: int, end: int) -> None:
    """Switches to the other screen, which is blank; what it shows is gone when it is left."""
    screen.row.visit(start, end, screen.line)
    if screen.main is None:
        screen.main = Kept(screen.rows, screen.x, screen.y, screen.pen)
        screen.rows = [Row(end, screen.line, screen.pen, fresh=False)]
        screen.fill(screen.y + 1, end)
        screen.own(screen.y)


def leave_other(screen: Screen, start: int, end: int, *, restores: bool) -> None:
    """Switches back; ``restores``: the cursor, too, to where it was."""
    main = screen.main
    if main is None:
        return
    screen.main = None
    screen.rows = main.rows
    screen.top, screen.bottom = 0, screen.height - 1
    if restores:
        screen.x, screen.y, screen.pen = main.x, main.y, main.pen
    screen.fill(min(screen.y, screen.height - 1) + 1, end)
    screen.y = min(screen.y, len(screen.rows) - 1)
    row = screen.own(screen.y)
    row.visit(start, end, screen.line)
    row.stale = True


def reset(screen: Screen) -> None:
    """Sets the region, tabs, characters and modes to what they are at first; what is shown stays."""
    screen.top, screen.bottom = 0, screen.height - 1
    screen.drawing = screen.inserting = screen.by_region = False
    screen.tabs, screen.pen = None, PLAIN
