"""The tests. They start hundreds of Python programs, so byte code is kept, also where the caller keeps none."""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
