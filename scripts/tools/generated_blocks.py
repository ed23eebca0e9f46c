"""Fills the blocks between generated:begin and generated:end in the repository's documents.

usage: generated_blocks.py PROGRAM ROOT [--check]
"""

import lzma
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"(<!-- generated:begin (.+?) -->\n)(.*?)(<!-- generated:end -->)", re.S)
HARMLESS = (["ssmprof", "show"], ["ssmprof", "export"], ["ssmprof", "list"],
            ["scripts/compare_profilers", "--show"], ["scripts/result_tables", "kernels"],
            ["scripts/result_tables", "models"])


def unpacked(root, argument, folder):
    """A report stored as .json.xz, unpacked into the folder; any other argument as it is."""
    if not argument.endswith(".json.xz"):
        return argument
    path = pathlib.Path(folder) / pathlib.Path(argument).stem
    path.write_bytes(lzma.decompress((root / argument).read_bytes()))
    return str(path)


def output(program, root, command):
    command, _, most = command.partition(" | head -n ")
    arguments = shlex.split(command)
    if arguments[:2] not in HARMLESS:
        allowed = ", ".join(" ".join(call) for call in HARMLESS)
        sys.exit(f"update_readme: a block may call {allowed}, not {command}")
    arguments[0] = program if arguments[0] == "ssmprof" else str(root / arguments[0])
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "110", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryDirectory() as folder:
        arguments = [unpacked(root, argument, folder) for argument in arguments]
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=root,
                              env=environment, check=False)
    if done.returncode != 0:
        sys.exit(f"update_readme: {command}: {done.stderr.strip()}")
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    if most and len(lines) > int(most):
        lines = [*lines[:int(most)], "  …"]
    if lines[:1] and lines[0].startswith("| ") or "markdown" in arguments:
        return "\n".join(lines) + "\n"
    return "```\n" + "\n".join(lines) + "\n```\n"


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    check = sys.argv[3:] == ["--check"]
    documents = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    stale = blocks = 0
    for document in documents:
        text = document.read_text(encoding="utf-8")

        def fill(match):
            nonlocal blocks
            blocks += 1
            return match[1] + output(program, root, match[2]) + match[4]

        filled = BLOCK.sub(fill, text)
        if filled == text:
            continue
        stale += 1
        if check:
            print(f"{document.relative_to(root)}: a generated block is out of date: "
                  "run scripts/update_readme")
        else:
            document.write_text(filled, encoding="utf-8")
            print(f"{document.relative_to(root)}: updated")
    print(f"{blocks} generated blocks, {stale} documents {'out of date' if check else 'changed'}")
    return 1 if check and stale else 0


sys.exit(main())
