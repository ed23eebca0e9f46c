"""The rules of docs/architecture.md that a compiler does not enforce."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(os.environ["SSMPROF_SOURCE_DIR"])

# Folder -> what its files may include: whole folders, or single headers.
ALLOWED = {
    "reports": ["reports/"],
    "kernels": ["kernels/"],
    "workloads": ["workloads/", "kernels/", "reports/"],
    "probes": ["probes/", "reports/", "workloads/execution.hpp", "workloads/range.hpp",
               "workloads/forwarding_execution.hpp",
               "workloads/component.hpp", "kernels/dtype.hpp", "kernels/launch.hpp",
               "kernels/cuda_device.hpp"],
    "harness": ["harness/", "probes/", "workloads/", "kernels/", "reports/"],
}
# Headers of a framework -> the only folders that may see them.
FRAMEWORKS = {
    r"<(ATen|torch|c10)/": ["workloads/torch/"],
    r"<(cupti|nvperf)": ["probes/cupti/", "tests/"],
    r"<(cuda|cublas|nvml|nvtx3)": ["kernels/", "probes/", "workloads/", "tests/", "docs/examples/"],
    r"<CLI/": ["harness/"],
}
MOST_LINES = 400
SOURCES = (".hpp", ".cpp", ".cu", ".cuh")
TEXTS = SOURCES + (".py", ".sh", ".md", ".cmake", ".txt")

problems = []


def files():
    """Tracked and new files, without what git ignores; everything where git is missing."""
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                                capture_output=True, text=True, check=True)
        names = listed.stdout.splitlines()
    except (FileNotFoundError, subprocess.CalledProcessError):
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
        names = [n for n in names if not re.match(r"(build|\.venv|\.cache|\.git/|ssmprof-)|.*__pycache__", n)]
    return [n for n in names if (ROOT / n).is_file()]


def check_includes(name, line, text):
    folder = name.split("/")[0]
    quoted = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
    if quoted and folder in ALLOWED:
        header = quoted[1]
        if not any(header == a or (a.endswith("/") and header.startswith(a))
                   for a in ALLOWED[folder]):
            problems.append(f"{text}: {folder}/ may not include {header}")
    angled = re.match(r"\s*#\s*include\s+(<[^>]+>)", line)
    if angled:
        for pattern, allowed in FRAMEWORKS.items():
            if re.match(pattern, angled[1]) and not any(name.startswith(a) for a in allowed):
                problems.append(f"{text}: {angled[1]} belongs into {' or '.join(allowed)} only")


def check_source(name, lines):
    if name.endswith((".hpp", ".cuh")) and "#pragma once" not in lines[:5]:
        problems.append(f"{name}:1: a header begins with #pragma once")
    shared = name.endswith((".hpp", ".cuh")) and not name.startswith("tests/")
    for number, line in enumerate(lines, 1):
        check_includes(name, line, f"{name}:{number}")
        if shared and re.match(r"\s*using namespace ", line):
            problems.append(f"{name}:{number}: a header opens no namespace")
    stem = pathlib.Path(name).name.split(".")[0]
    if not re.fullmatch(r"[a-z0-9_]+", stem):
        problems.append(f"{name}:1: file names are snake_case")


def check_text(name, lines):
    for number, line in enumerate(lines, 1):
        if re.search(r"(?<![\w.~-])/(work|home|root|Users)/\w", line):
            problems.append(f"{name}:{number}: a path of somebody's machine")
        if re.search(r"https?://", line) and re.match(r"(scripts|\.ci)/", name):
            problems.append(f"{name}:{number}: scripts name no hosts")


def check_links(name, lines):
    for number, line in enumerate(lines, 1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (ROOT / name).parent.joinpath(target).exists():
                problems.append(f"{name}:{number}: no such file: {target}")


def main():
    checked = 0
    for name in files():
        script = name.startswith(("scripts/", ".ci/")) and "." not in pathlib.Path(name).name
        if not (name.endswith(TEXTS) or script):
            continue
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        checked += 1
        if len(lines) > MOST_LINES:
            problems.append(f"{name}:{MOST_LINES}: {len(lines)} lines, more than {MOST_LINES}")
        if name.endswith(SOURCES):
            check_source(name, lines)
        if name.endswith(".md"):
            check_links(name, lines)
        check_text(name, lines)
    print("\n".join(problems))
    print(f"{checked} files checked, {len(problems)} problems")
    return 1 if problems or checked < 50 else 0


sys.exit(main())
