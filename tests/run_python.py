"""Runs a Python test for ctest: run_python.py TEST.py

A test is a script: exit code 0 passed, 77 skipped (after a line "SKIPPED: reason"), anything else
failed. It finds the program in SSMPROF_PROGRAM and the repository in SSMPROF_SOURCE_DIR. A test
whose modules are not installed is skipped by name here, so that tests just import what they need.
Modules of tests/cli and tests/reports can be imported from everywhere.
"""

import ast
import importlib.util
import os
import runpy
import sys


def imported_modules(path):
    with open(path, encoding="utf-8") as file:
        body = ast.parse(file.read(), path).body
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


def main():
    test = os.path.abspath(sys.argv[1])
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [os.path.dirname(test), os.path.join(here, "cli"), os.path.join(here, "reports")]
    roots = {name.split(".")[0] for name in imported_modules(test)}
    missing = sorted(name for name in roots if importlib.util.find_spec(name) is None)
    if missing:
        print(f"SKIPPED: Python has no module {', '.join(missing)}: run scripts/setup --tests")
        return 77
    sys.argv = [test]
    runpy.run_path(test, run_name="__main__")
    return 0


sys.exit(main())
