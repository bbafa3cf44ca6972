// The viewer's words: each phrase in both languages, with the same things put into it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { t } from "../../src/joblog/ui/i18n.js";
import { WORDS } from "../../src/joblog/ui/words.js";

const speak = (...languages) => Object.defineProperty(globalThis, "navigator", { value: { languages }, configurable: true });
const places = (phrase) => [...phrase.matchAll(/\{(\d)\}/g)].map((match) => match[1]).sort();

test("each phrase has an English and a Chinese form with the same places", () => {
  for (const [name, forms] of Object.entries(WORDS)) {
    assert.equal(forms.length, 2, name);
    assert.ok(forms.every((form) => form.trim() !== ""), name);
    assert.deepEqual(places(forms[0]), places(forms[1]), name);
  }
});

test("the language is the reader's first", () => {
  speak("zh-CN", "en");
  assert.equal(t("jobs"), "作业");
  speak("en-US", "zh");
  assert.equal(t("jobs"), "Jobs");
  speak("de", "fr");
  assert.equal(t("jobs"), "Jobs");
  speak();
  assert.equal(t("jobs"), "Jobs");
});

test("what is put in stays as it is, and is put in once", () => {
  speak("en");
  assert.match(t("tokenHelp", "{0} $& $1 <b>"), /\{0\} \$& \$1 <b>$/);
  assert.ok(!t("tokenHelp").includes("{"));
});

test("a name that has no words is said as it is, also one that objects have", () => {
  assert.equal(t("NEW_STATE"), "new_state");
  assert.equal(t("constructor"), "constructor");
  assert.equal(t("__proto__"), "__proto__");
});
