// The jobs of a project.

/**
 * @param {string | null} project
 * @param {() => void} again
 * @param {(error: unknown) => void} failed
 * @returns {Promise<import("./main.js").Page>}
 */
export async function jobsPage(project, again, failed) {
  throw new Error(`${project} ${again} ${failed}`);
}
