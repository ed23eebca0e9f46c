"""Outputs go where they were told: through links, into pipes, and alone on standard output."""

import json
import os
import pathlib
import re
import subprocess

import support


def drained(pipe, *arguments):
    """Runs the program while the pipe is held open; returns how it ended and what was written."""
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        done = support.run(*arguments)
        try:
            return done, os.read(reader, 1 << 20)
        except BlockingIOError:
            return done, b""
    finally:
        os.close(reader)


def main():
    support.needs_torch()
    checks = support.Checks()
    quick = ["profile", "--model", "mamba-tiny", *support.QUICK, "--probes", "analytic"]
    loud = [a for a in quick if a != "-q"]
    with support.scratch() as name:
        folder = pathlib.Path(name)
        (folder / "one.json").write_text("[[1, 2]]")
        verify = ["verify", "--model", "mamba-tiny", "--device", "cpu", "--backend", "native",
                  "--tokens", folder / "one.json", "--dump"]

        target = folder / "target"
        target.write_text("old")
        target.chmod(0o640)
        (folder / "link").symlink_to("target")
        done = support.run(*verify, folder / "link")
        checks.check(done.returncode == 0, f"verify --dump into a link: {done.stderr}")
        checks.check((folder / "link").is_symlink(), "the link is still one")
        dumped = target.read_bytes()
        checks.check(b"logits" in dumped[:200], "its target holds the logits")
        checks.check(target.stat().st_mode & 0o777 == 0o640, "the target keeps its permissions")

        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([support.PROGRAM, "list", "metrics"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        checks.check(done.returncode == 3 and len(done.stderr.splitlines()) == 1,
                     f"a full disk behind standard output: {done.returncode} {done.stderr}")

        with support.scratch() as other:
            sweep = pathlib.Path(other) / "sweep.json"
            done = support.run("kernels", "--device", "cpu", "--kernel", "linear", "--preset",
                               "mamba-130m-x", "--batch", "1,65", "--samples", "6", "-q", "-o",
                               sweep)
            checks.check(done.returncode == 2, f"65 rows are refused: {done.returncode}")
            kept = json.loads(sweep.read_text()) if sweep.exists() else {"workloads": []}
            checks.check(len(kept["workloads"]) == 1 and kept["partial"] and
                         kept["diagnostics"][-1]["rule"] == "run.failed",
                         "what was measured before the failure is kept, marked partial")

            study = pathlib.Path(other) / "study.json"
            lengths = ["16,99999999999" if word == "16" else word for word in support.QUICK]
            done = support.run("prune", "--model", "mamba2-tiny", "--score", "magnitude", "--ratio",
                               ".5", "--variant", "dense,physical", *lengths, "-o", study)
            checks.check(done.returncode == 3, f"no memory has room for that: {done.returncode}")
            kept = json.loads(study.read_text()) if study.exists() else {"comparisons": []}
            checks.check(len(kept["comparisons"]) == 1 and len(kept["workloads"]) == 2 and
                         kept["partial"] and kept["diagnostics"][-1]["rule"] == "run.failed",
                         "what was pruned and measured before the failure is kept, marked partial")

        with support.scratch() as other:
            report = support.tiny_report(pathlib.Path(other) / "run.json")
        said = [d["message"] for d in report["diagnostics"] if d["rule"] == "run.durations"]
        took = re.findall(r"(?:took|starting|checkpoint|environment|ceilings|workloads) ([\d.]+) "
                          r"(s|ms|us)", said[0]) if len(said) == 1 else []
        whole, *parts = [float(value) * {"s": 1, "ms": 1e-3, "us": 1e-6}[unit]
                         for value, unit in took] or [0]
        checks.check(len(parts) == 5 and sum(parts) <= 1.02 * whole + 0.02 and
                     sum(parts) >= 0.9 * whole - 0.1, f"the run's parts are the run: {said}")

        os.mkfifo(folder / "pipe")
        done, written = drained(folder / "pipe", *verify, folder / "pipe")
        checks.check(done.returncode == 0, f"verify --dump into a pipe: {done.stderr}")
        checks.check((folder / "pipe").is_fifo(), "the pipe is still one")
        checks.check(written == dumped, "the pipe was given the same bytes")

        (folder / "out").symlink_to("/proc/self/fd/1")
        done = subprocess.run([support.PROGRAM, *quick, "-o", folder / "out"], check=False,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        checks.check(done.returncode == 0 and not done.stderr, f"-q is silent: {done.stderr!r}")
        checks.check(json.loads(done.stdout)["kind"] == "run", "standard output is the report alone")

        done = support.run(*loud, "-o", folder / "r.json")
        checks.check(f"Report: {folder / 'r.json'}" in done.stderr, "where the report lies is said")
        checks.check("Report:" not in done.stdout, "and not among the tables")

        left = support.files_under(folder)
        checks.check(left == ["link", "one.json", "out", "pipe", "r.json", "target"],
                     f"nothing else was left: {left}")

        line = support.run("ncu", "--model", "mamba-tiny", "--component", "conv",
                           "--threads", "2", "--fusion", "on", "--logits", "all").stdout
        for part in ("--threads 2", "--fusion on", "--logits all"):
            checks.check(f" {part}" in line, f"ncu passes {part} on: {line!r}")
    checks.finish()


main()
