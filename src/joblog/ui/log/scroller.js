// Lines on the screen, out of any number of them.
//
// The element scrolls as the browser scrolls, so wheel, touch and keys feel as anywhere. Inside it is a space of a bounded
// height, since browsers cannot lay out billions of pixels, and in that a block with the rows around what is seen. A
// row's place in the space means nothing: when an end of the space comes near and the log goes on, block and position are
// moved together, which nobody sees. The scroll bar beside it (bar.js) tells where in the log one is.

/** The space's height in pixels: less than any browser's limit, more than a hand scrolls without a pause. */
const SPACE = 4_000_000;

/** Rows are drawn so far beyond what is seen, in pixels, and kept twice as far. */
const MARGIN = 400;

/** @typedef {{first: number, last: number, drawnFirst: number, drawnEnd: number, atEnd: boolean, byUser: boolean}} View */

export class Scroller {
  /**
   * @param {HTMLElement} element what scrolls
   * @param {number} rowPixels the height of a row that is not wrapped
   * @param {(line: number) => HTMLElement} draw
   * @param {(view: View) => void} moved
   */
  constructor(element, rowPixels, draw, moved) {
    this.element = element;
    this.rowPixels = rowPixels;
    this.draw = draw;
    this.moved = moved;
    this.start = 0;
    this.end = 0;
    this.space = document.createElement("div");
    this.space.className = "space";
    this.block = document.createElement("div");
    this.block.className = "block";
    this.space.append(this.block);
    element.replaceChildren(this.space);
    /** @type {HTMLElement[]} */
    this.rows = [];
    this.first = 0;
    this.top = 0;
    this.expected = 0;
    this.stuck = false;
    this.atEnd = false;
    this.placed = false; // nothing is drawn before it is known where
    /** @type {{line: number, where: "top" | "middle"} | null} */
    this.goal = null;
    element.addEventListener("scroll", () => this.#scrolled());
    this.resizing = new ResizeObserver(() => this.#resized());
    this.resizing.observe(element);
  }

  close() {
    this.resizing.disconnect();
  }

  /** Whether the end stays in sight while lines come. */
  stick(/** @type {boolean} */ stuck) {
    this.stuck = stuck;
    if (stuck) this.toEnd();
  }

  /**
   * Says which lines there are.
   * @param {number} start
   * @param {number} end
   */
  setRange(start, end) {
    if (start === this.start && end === this.end) return;
    if (this.rows.length && (start > this.first || end < this.first + this.rows.length)) this.#clear();
    this.start = start;
    this.end = end;
    if (this.placed) this.refresh();
  }

  /**
   * Shows a line, on top or in the middle.
   * @param {number} line
   * @param {"top" | "middle"} where
   */
  jump(line, where = "top") {
    this.placed = true;
    if (this.end <= this.start || !this.element.clientHeight) return;
    const to = Math.min(Math.max(line, this.start), this.end - 1);
    this.stuck = false;
    const y = Math.min((to - this.start) * this.rowPixels, SPACE / 2);
    this.#begin(to, y);
    this.#scrollTo(y);
    this.goal = { line: to, where };
    this.#keepGoal();
  }

  /** Puts the line that was jumped to where it belongs: its neighbours may be higher than was thought when they come. */
  #keepGoal() {
    this.#toGoal();
    this.#fill(false);
    this.#toGoal();
    this.#fill(false);
  }

  #toGoal() {
    const row = this.goal && this.rows[this.goal.line - this.first];
    if (!row) return;
    const above = this.goal?.where === "middle" ? Math.max(Math.floor((this.element.clientHeight - row.offsetHeight) / 2), 0) : 0;
    this.#scrollTo(this.top + row.offsetTop - above);
  }

  /** Shows the last line, at the bottom. */
  toEnd() {
    this.placed = true;
    if (this.end <= this.start || !this.element.clientHeight) return;
    this.goal = null;
    const screen = Math.ceil(this.element.clientHeight / this.rowPixels) + 1;
    const from = Math.max(this.end - screen, this.start);
    if (!this.rows.length || this.first > this.end - 1 || this.first + this.rows.length < from) {
      const y = Math.min((from - this.start) * this.rowPixels, SPACE / 2);
      this.#begin(from, y);
      this.#scrollTo(y);
    }
    while (this.first + this.rows.length < this.end) this.#below(this.end - this.first - this.rows.length);
    this.#edges();
    this.#scrollTo(this.space.offsetHeight);
    this.#fill(false);
    this.#scrollTo(this.space.offsetHeight);
  }

  /** Draws what came into sight; the end, if it is to stay there. */
  refresh() {
    if (this.stuck) this.toEnd();
    else if (this.placed) this.#fill(false);
  }

  /**
   * Draws lines anew whose content has changed; what is seen stays where it is.
   * @param {number} first
   * @param {number} end
   */
  redraw(first, end) {
    const before = this.#anchor();
    for (let line = Math.max(first, this.first); line < Math.min(end, this.first + this.rows.length); line += 1) {
      const row = this.draw(line);
      this.rows[line - this.first].replaceWith(row);
      this.rows[line - this.first] = row;
    }
    if (this.goal) {
      this.#keepGoal();
      return;
    }
    if (before && !this.stuck) {
      const row = this.rows[before.line - this.first];
      this.#move(this.element.scrollTop - before.offset - row.offsetTop - this.top);
    }
    this.refresh();
  }

  /** The line on top of what is seen, and how far it reaches above that. */
  #anchor() {
    const at = this.element.scrollTop;
    const index = this.#rowAt(at);
    return index < 0 ? null : { line: this.first + index, offset: at - this.top - this.rows[index].offsetTop };
  }

  /**
   * The row at a place in the space, or the nearest; -1 when there is none.
   * @param {number} y
   */
  #rowAt(y) {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top + this.rows[middle].offsetTop <= y) low = middle;
      else high = middle - 1;
    }
    return this.rows.length ? low : -1;
  }

  #scrolled() {
    const byUser = Math.abs(this.element.scrollTop - this.expected) > 1;
    if (byUser) this.goal = null;
    this.#fill(byUser);
  }

  /** Keeps in sight what was: the end, the line that was jumped to, or else the line on top. */
  #resized() {
    if (this.stuck) this.toEnd();
    else if (this.goal) this.#keepGoal();
    else if (this.atEnd) this.toEnd();
    else if (this.placed) this.#fill(false);
  }

  /** @param {number} y */
  #scrollTo(y) {
    this.element.scrollTop = y;
    this.expected = this.element.scrollTop;
  }

  /** @param {boolean} byUser */
  #fill(byUser) {
    if (this.end <= this.start) {
      this.#clear();
      this.space.style.height = "0";
      return;
    }
    const view = this.element.clientHeight;
    if (!view) return; // not in the document yet
    const at = this.element.scrollTop;
    const bottom = () => this.top + this.block.offsetHeight;
    if (!this.rows.length) {
      this.#begin(this.start, 0);
    } else if (at + view + MARGIN < this.top || at - MARGIN > bottom()) {
      const guess = this.first + Math.round((at - this.top) / this.rowPixels);
      this.#begin(Math.min(Math.max(guess, this.start), this.end - 1), at);
    }
    for (let need; (need = at + view + MARGIN - bottom()) > 0 && this.first + this.rows.length < this.end; ) this.#below(need / this.rowPixels);
    for (let need; (need = this.top - at + MARGIN) > 0 && this.first > this.start; ) this.#above(need / this.rowPixels);
    this.#trim(at - 2 * MARGIN, at + view + 2 * MARGIN);
    this.#edges();
    this.#tell(byUser);
  }

  /** @param {boolean} byUser */
  #tell(byUser) {
    const at = this.element.scrollTop;
    const view = this.element.clientHeight;
    const first = this.first + Math.max(this.#rowAt(at), 0);
    const last = this.first + Math.max(this.#rowAt(at + view - 1), 0);
    const atEnd = this.first + this.rows.length >= this.end && at + view >= this.space.offsetHeight - 2;
    this.atEnd = atEnd;
    this.moved({ first, last, drawnFirst: this.first, drawnEnd: this.first + this.rows.length, atEnd, byUser });
  }

  /**
   * Draws a line and nothing else, at a place in the space.
   * @param {number} line
   * @param {number} y
   */
  #begin(line, y) {
    this.#clear();
    this.space.style.height = `${SPACE}px`;
    this.first = line;
    this.top = y;
    this.#below(1);
    this.#move(0);
  }

  #clear() {
    this.rows = [];
    this.block.replaceChildren();
  }

  /** @param {number} count */
  #below(count) {
    const from = this.first + this.rows.length;
    const made = this.#drawn(from, Math.min(from + Math.ceil(count), this.end));
    this.block.append(...made);
    this.rows.push(...made);
  }

  /** @param {number} count */
  #above(count) {
    const from = Math.max(this.first - Math.ceil(count), this.start);
    const made = this.#drawn(from, this.first);
    const before = this.block.offsetHeight;
    this.block.prepend(...made);
    this.rows.unshift(...made);
    this.first = from;
    this.#move(before - this.block.offsetHeight);
  }

  /**
   * @param {number} from
   * @param {number} end
   */
  #drawn(from, end) {
    const made = [];
    for (let line = from; line < end; line += 1) made.push(this.draw(line));
    return made;
  }

  /**
   * Removes rows that are wholly above or below.
   * @param {number} low
   * @param {number} high
   */
  #trim(low, high) {
    const keepFrom = this.#rowAt(low);
    const keepTo = this.#rowAt(high);
    for (const row of this.rows.splice(keepTo + 1)) row.remove();
    if (keepFrom > 0) {
      const down = this.rows[keepFrom].offsetTop;
      for (const row of this.rows.splice(0, keepFrom)) row.remove();
      this.first += keepFrom;
      this.#move(down);
    }
  }

  /** Lets the space end where the log does, and makes room where it goes on. */
  #edges() {
    const height = this.block.offsetHeight;
    const atStart = this.first === this.start;
    const atEnd = this.first + this.rows.length >= this.end;
    const near = SPACE / 8; // no turn of a wheel is that far
    let by = 0;
    if (atStart) by = -this.top;
    else if (this.top < near || (!atEnd && this.top + height > SPACE - near)) by = SPACE / 2 - this.top;
    const at = this.element.scrollTop;
    const space = atEnd ? this.top + by + height : SPACE;
    this.space.style.height = `${Math.max(space, by ? at + by + this.element.clientHeight : 0)}px`;
    if (by) {
      this.#move(by);
      this.#scrollTo(Math.max(at + by, 0));
    }
    this.space.style.height = `${space}px`;
    if (this.element.scrollTop !== at + by) this.expected = this.element.scrollTop;
  }

  /** @param {number} by */
  #move(by) {
    this.top += by;
    this.block.style.transform = `translateY(${this.top}px)`;
  }
}
