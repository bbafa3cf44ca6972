// What is typed to find jobs, and what runs are said to have ended by.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ago } from "../../src/joblog/ui/times.js";
import { parsed, withLabel, withState } from "../../src/joblog/ui/jobs/filter.js";
import { addressesIn } from "../../src/joblog/ui/log/addresses.js";
import { runName } from "../../src/joblog/ui/log/facts.js";
import { endingWords, kindWords, restartWords } from "../../src/joblog/ui/log/verdicts.js";

const speak = (...languages) => Object.defineProperty(globalThis, "navigator", { value: { languages }, configurable: true });

test("states, labels and a part of the name, in any order", () => {
  assert.deepEqual(parsed("state:failed label:team=vision loss"), { search: "loss", states: ["FAILED"], labels: ["team=vision"], wrong: [] });
  assert.deepEqual(parsed("loss STATE:Failed,ended label:seed").states, ["FAILED", "UNKNOWN"]);
  assert.deepEqual(parsed('label:"team=a b" x').labels, ["team=a b"]);
  assert.deepEqual(parsed("state:失败").states, ["FAILED"]);
  assert.deepEqual(parsed(""), { search: "", states: [], labels: [], wrong: [] });
});

test("what is none of them is told, and the rest is looked for", () => {
  assert.deepEqual(parsed("a b state:fine label:=x label:a*b").wrong, ["b", "state:fine", "label:=x", "label:a*b"]);
  assert.deepEqual(parsed("label:a label:b label:c label:d label:e").wrong, ["label:e"]);
  assert.deepEqual(parsed("http://x:1").search, "http://x:1");
});

test("a label is put in and taken out, a state takes the place of another", () => {
  assert.equal(withLabel("x", "team=vision"), "x label:team=vision");
  assert.equal(withLabel("x label:team=vision", "team=vision"), "x");
  assert.equal(parsed(withLabel("", "team=a b")).labels[0], "team=a b");
  assert.equal(withState("state:failed x", "RUNNING"), "state:running x");
  assert.equal(withState("state:failed x", null), "x");
  assert.equal(withState("", "UNKNOWN"), "state:ended");
});

test("addresses are those of the web, without what stands behind them in a sentence", () => {
  const found = (text) => addressesIn(text).map(([start, end]) => text.slice(start, end));
  assert.deepEqual(found("see https://a.example/x?y=1. (http://b.example/z), ftp://c javascript:x https://"), ["https://a.example/x?y=1", "http://b.example/z"]);
  assert.deepEqual(found('<a href="https://d.example/">'), ["https://d.example/"]);
  assert.deepEqual(found("xhttps://e.example"), []);
  assert.deepEqual(found("https://safe.example\u202e/gpj"), []);
});

test("how ranks ended is said in Chinese too, and what is not known as it is", () => {
  speak("zh-CN");
  assert.equal(endingWords("ended with exit status 1"), "退出码 1");
  assert.equal(endingWords("killed by SIGKILL (out of memory)"), "被 SIGKILL 终止（内存不足）");
  assert.equal(endingWords("a $& new way"), "a $& new way");
  assert.equal(kindWords("gpu out of memory"), "显存不足");
  assert.equal(kindWords("constructor"), "constructor");
  assert.equal(restartWords(false, "the same work needs the same memory"), "重启无用：同样的任务需要同样多的内存。");
  speak("en");
  assert.equal(endingWords("ended with exit status 1"), "ended with exit status 1");
  assert.equal(restartWords(null, ""), "");
});

test("how long ago something was", () => {
  speak("en");
  assert.equal(ago(1000, 5000), "4 sec. ago");
  assert.equal(ago(0, 3 * 3_600_000 + 5), "3 hr. ago");
  assert.equal(ago(9000, 5000), "0 sec. ago");
  speak("zh");
  assert.match(ago(0, 120_000), /2 ?分钟前/);
});

test("a run is called by its number, and by what somebody chose to call it", () => {
  assert.equal(runName({ number: 2, title: null, run_id: "0123456789abcdef0123456789abcdef" }), "#2");
  assert.equal(runName({ number: 2, title: null, run_id: "import:ca49800689feaaead35f03f2f64cd6bdf1676cd2" }), "#2");
  assert.equal(runName({ number: 2, title: null, run_id: "8a6e0804-2bd0-4672-b79d-d97027f9071a" }), "#2");
  assert.equal(runName({ number: 2, title: null, run_id: "night" }), "#2 · night");
  assert.equal(runName({ number: 2, title: "lr 1", run_id: "night" }), "#2 · lr 1");
});
