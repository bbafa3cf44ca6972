"""``python -m docs.made``: writes every page that is made of the code."""

from __future__ import annotations

from docs.made.pages import ROOT, made

for path, text in made().items():
    if (ROOT / path).read_text("utf-8") != text:
        (ROOT / path).write_text(text, "utf-8")
        print(path)
