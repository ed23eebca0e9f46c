"""What the tests of the command line share: running the program, judging how it failed."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAM = os.environ["SSMPROF_PROGRAM"]
SOURCE = pathlib.Path(os.environ["SSMPROF_SOURCE_DIR"])
HAS_TORCH = os.environ.get("SSMPROF_HAS_TORCH", "1") == "1"

# The smallest run of a model there is.
QUICK = ["--device", "cpu", "--mode", "prefill", "--seqlen", "16", "--backend", "native",
         "--warmup", "0", "--max-seconds", "0.02", "--min-samples", "3", "-q"]


def needs_torch():
    """Ends the test as skipped where models cannot run."""
    if not HAS_TORCH:
        print("SKIPPED: it runs models, and this build has no LibTorch")
        sys.exit(77)


def run(*arguments, timeout=120, **more):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False, stdin=subprocess.DEVNULL, **more)


def tiny_report(path, model="mamba-tiny", *more):
    """A report of the deterministic metrics of a tiny model."""
    done = run("profile", "--model", model, *QUICK, "--probes", "analytic", "-o", path, *more)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
    return json.loads(pathlib.Path(path).read_text())


def timed_report(path):
    """A report that holds times."""
    done = run("profile", "--model", "mamba-tiny", *QUICK, "--probes", "time,analytic", "-o", path)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"


def scratch():
    return tempfile.TemporaryDirectory(prefix="ssmprof-test-")


def files_under(folder):
    return sorted(str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob("*"))


class Checks:
    """Counts what was checked; says what failed; ends the test."""

    def __init__(self):
        self.done = self.failed = 0

    def check(self, good, what):
        self.done += 1
        if not good:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)

    def finish(self):
        assert self.done > 0, "nothing was checked"
        print(f"{self.done} checks, {self.failed} failed")
        sys.exit(1 if self.failed else 0)


def undefined_metrics(report):
    """Ids of metrics in a report that its definitions lack."""
    used = set()
    for workload in report["workloads"]:
        places = [workload, *workload.get("ranges", [])]
        for attribution in workload.get("attributions", []):
            places += attribution["rows"]
        for place in places:
            metrics = place["metrics"]
            used |= set(metrics) if isinstance(metrics, dict) else {m["id"] for m in metrics}
    return sorted(used - set(report["definitions"]))
