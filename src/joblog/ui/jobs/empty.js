// What to do where no job has sent anything yet.

import { el } from "../dom.js";
import { t } from "../i18n.js";

/** @param {string} project */
export function firstLog(project) {
  const where = [`export JOBLOG_URL=${location.origin}`, "export JOBLOG_TOKEN=...    # joblog token create --right write"];
  if (project !== "default") where.push(`export JOBLOG_PROJECT=${project}`);
  return el(
    "section",
    { class: "first" },
    el("h2", {}, t("emptyTitle")),
    el("p", {}, t("emptyRun")),
    el("pre", { tabindex: "0" }, "pip install joblog\njoblog run --job my-first-job -- python train.py"),
    el("p", {}, t("emptyWhere")),
    el("pre", { tabindex: "0" }, where.join("\n")),
    el("p", { class: "quiet" }, t("emptyThen")),
  );
}
