// Which ranks a text names.

/**
 * The ranks that "0,4-7" names.
 * @param {string} ranks
 */
export function* members(ranks) {
  for (const part of ranks.split(",")) {
    const [low, high] = part.split("-").map(Number);
    for (let rank = low; rank <= (high ?? low); rank += 1) yield rank;
  }
}
