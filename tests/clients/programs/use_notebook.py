"""Runs the cells of a notebook in a real kernel, and prints what it shows: ``use_notebook.py CELLS.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbclient
import nbformat

notebook = nbformat.v4.new_notebook()
notebook.cells = [nbformat.v4.new_code_cell(each) for each in json.loads(Path(sys.argv[1]).read_text("utf-8"))]
failed = ""
try:
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
except nbclient.exceptions.CellExecutionError as error:
    failed = error.ename
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
shown = {
    name: "".join(output.text for output in outputs if output.output_type == "stream" and output.name == name)
    for name in ("stdout", "stderr")
}
print(json.dumps(shown | {"failed": failed}))
