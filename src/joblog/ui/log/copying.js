// What a selection of rows copies: the lines as they are, empty ones too, without their numbers and buttons.

/**
 * @param {ClipboardEvent} event
 * @param {HTMLElement[]} rows those that are drawn, in their order
 */
export function copyRows(event, rows) {
  const selection = document.getSelection();
  if (!selection || selection.rangeCount !== 1 || !event.clipboardData) return;
  const range = selection.getRangeAt(0);
  const chosen = rows.filter((row) => range.intersectsNode(row));
  if (chosen.length < 2) return;
  event.clipboardData.setData("text/plain", chosen.map((row) => textOf(row, range)).join("\n"));
  event.preventDefault();
}

/**
 * @param {HTMLElement} row
 * @param {Range} range
 */
function textOf(row, range) {
  const text = row.querySelector(".text");
  if (!text || !range.intersectsNode(text)) return "";
  const part = document.createRange();
  part.selectNodeContents(text);
  if (part.compareBoundaryPoints(Range.START_TO_START, range) < 0) part.setStart(range.startContainer, range.startOffset);
  if (part.compareBoundaryPoints(Range.END_TO_END, range) > 0) part.setEnd(range.endContainer, range.endOffset);
  const copied = part.cloneContents();
  for (const button of copied.querySelectorAll("button")) button.remove();
  const frames = [...copied.querySelectorAll(".frame")];
  return frames.length ? frames.map((frame) => frame.textContent).join("\n") : (copied.textContent ?? "");
}
