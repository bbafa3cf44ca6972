// What the server says of how runs and ranks ended, in the reader's language: its words are English; unknown ones stay so.

import { language, t } from "../i18n.js";

/** @type {[RegExp, string][]} */
const ENDINGS = [
  [/^completed$/, "已完成"],
  [/^failed$/, "失败"],
  [/^killed$/, "已终止"],
  [/^killed by (\S+)$/, "被 $1 终止"],
  [/^ended with exit status (\d+)$/, "退出码 $1"],
  [/^lost: not heard of any more$/, "失联：不再有消息"],
  [/^ended, exit status not known$/, "已结束，退出码未知"],
  [/^silent$/, "无输出"],
  [/^running$/, "运行中"],
  [/^out of memory$/, "内存不足"],
  [/^the command cannot be run: (.*)$/, "命令无法运行：$1"],
  [/^(?:worker-|rank )(\d+): (.*)$/, "rank $1：$2"],
  [/^exit status (\d+)$/, "退出码 $1"],
];

/**
 * What rules say that they found.
 * @type {[RegExp, string][]}
 */
const REASONS = [
  [/^a line matches ([^]*)$/, "有一行匹配 $1"],
  [/^(\d+) lines match ([^]*)$/, "$1 行匹配 $2"],
  [/^no line matches ([^]*), (\S.*) since the start$/, "开始后 $2 内没有行匹配 $1"],
  [/^no line matches ([^]*), (\S.*) since the last one$/, "距上一次匹配 $1 已有 $2"],
  [/^no output for ([^;]*); its longest pause before was (.*)$/, "已有 $1 无输出，此前最长停顿为 $2"],
  [/^no output for (.*)$/, "已有 $1 无输出"],
  [/^step (\S+) for (.*), while it prints$/, "停在第 $1 步已有 $2，但仍有输出"],
  [/^ranks? ([\d, ]+) silent for (.*) while (\d+) go on$/, "rank $1 已有 $2 无输出，其余 $3 个仍在运行"],
  [/^ranks ([\d, ]+) and (\d+) more silent for (.*) while (\d+) go on$/, "rank $1 等（另有 $2 个）已有 $3 无输出，其余 $4 个仍在运行"],
  [/^the run has taken (.*)$/, "已运行 $1"],
  [/^the run failed: ([^]*)$/, "运行失败：$1"],
  [/^the run failed$/, "运行失败"],
  [/^the run completed$/, "运行完成"],
  [/^the run was killed/, "运行被终止"],
  [/^the run was lost/, "运行失联"],
];

/** @type {Record<string, string>} */
const KINDS = {
  "python exception": "Python 异常",
  "logged error": "日志错误",
  exception: "异常",
  killed: "被终止",
  "loss is not a number": "损失不是数",
  "out of memory": "内存不足",
  "gpu out of memory": "显存不足",
  crash: "崩溃",
  launcher: "启动器",
  connection: "连接",
  "disk full": "磁盘已满",
  signal: "信号",
  interrupted: "被中断",
};

/** @type {Record<string, string>} */
const RESTARTS = {
  "the node failed, or was taken away; another one may be whole": "节点故障或被收回，换一个节点可能正常",
  "the program asks for what is not there, and will again": "程序请求不存在的资源，再次运行仍会如此",
  "the network, or who was at its other end, failed": "网络或对端出错",
  "its time was up; from its last checkpoint it goes on": "时限已到，可从最近的检查点继续",
  "an error of the program, or of its data, comes again": "程序或数据的错误会再次出现",
  "the same work needs the same memory": "同样的任务需要同样多的内存",
  "what is full stays full": "空间不会自行释放",
};

/**
 * How ranks ended, or why a run did: "ended with exit status 1 (out of memory)".
 * @param {string} how
 */
export function endingWords(how) {
  if (language() !== "zh") return how;
  const parts = /^(.*?) \((.*)\)$/.exec(how);
  if (parts) return `${ended(parts[1])}（${ended(parts[2])}）`;
  return ended(how);
}

/** @param {string} how */
function ended(how) {
  const known = ENDINGS.find(([pattern]) => pattern.test(how));
  return known ? how.replace(...known) : how;
}

/**
 * What a rule says that it found.
 * @param {string} reason
 */
export function reasonWords(reason) {
  if (language() !== "zh") return reason;
  const known = REASONS.find(([pattern]) => pattern.test(reason));
  return known ? reason.replace(...known) : reason;
}

/** @param {string} kind */
export function kindWords(kind) {
  return language() === "zh" && Object.hasOwn(KINDS, kind) ? KINDS[kind] : kind;
}

/**
 * Whether starting again helps, and why; nothing where that cannot be told.
 * @param {boolean | null} helps
 * @param {string} reason
 */
export function restartWords(helps, reason) {
  if (helps === null) return "";
  const said = language() === "zh" && Object.hasOwn(RESTARTS, reason) ? RESTARTS[reason] : reason;
  return t(helps ? "restartHelps" : "restartHelpsNot", said);
}

/**
 * Who failed first; of one process there is no rank to name.
 * @param {{ranks: string, count: number}} first
 * @param {boolean} alone
 */
export function whoWords(first, alone) {
  if (alone) return t("whyAlone");
  return t(first.count === 1 ? "whyRank" : "whyRanks", first.ranks);
}
