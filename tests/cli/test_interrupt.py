"""Ends in the middle: SIGINT leaves a valid partial report, SIGKILL nothing or a whole one."""

import json
import pathlib
import signal
import subprocess
import time

import support

# Long enough that every signal arrives before the end.
LONG = ["profile", "--model", "mamba-tiny", "--device", "cpu", "--backend", "native", "--mode",
        "prefill", "--probes", "time,analytic", "--seqlen", "16:65536:x2", "--warmup", "0",
        "--max-seconds", "1.5", "--min-samples", "100000"]


def start(*arguments):
    return subprocess.Popen([support.PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)


def interrupt(checks, folder):
    """SIGINT after the first table was printed: at least one workload was measured."""
    path = folder / "partial.json"
    process = start(*LONG, "-o", path)
    first = process.stdout.readline()
    while first and "mamba-tiny/prefill" not in first:
        first = process.stdout.readline()
    checks.check(bool(first), "a table appears before the end")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=60)
    checks.check(time.monotonic() - begin < 20, "it ends soon after SIGINT")
    checks.check(process.returncode == 130, f"exit code {process.returncode}, not 130: {errors}")
    report = json.loads(path.read_text())
    checks.check(report["partial"] is True, "the report is marked partial")
    checks.check(len(report["workloads"]) >= 1, "what was measured is in it")
    shown = support.run("show", path)
    checks.check(shown.returncode == 0, f"the partial report can be read: {shown.stderr}")
    checks.check(support.files_under(folder) == ["partial.json"], "nothing else was left")
    path.unlink()


def kill(checks, folder):
    """SIGKILL at many moments, also around the writing of the report."""
    quick = ["profile", "--model", "mamba-tiny", *support.QUICK, "--probes", "analytic,time"]
    begin = time.monotonic()
    done = support.run(*quick, "-o", folder / "whole.json")
    duration = time.monotonic() - begin
    checks.check(done.returncode == 0, f"the run succeeds when left alone: {done.stderr}")
    whole = absent = 0
    moments = [duration * part for part in (0.1, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05)]
    for moment in moments:
        path = folder / "killed.json"
        process = start(*quick, "-o", path)
        time.sleep(moment)
        process.kill()
        process.communicate(timeout=60)
        if path.exists():
            whole += 1
            try:
                json.loads(path.read_text())
            except ValueError as error:
                checks.check(False, f"killed after {moment:.3f} s it left half a report: {error}")
            path.unlink()
        else:
            absent += 1
    checks.check(absent > 0, "at least one kill came before the report")
    print(f"killed {len(moments)} times: {absent} times nothing, {whole} times a whole report")


def interrupt_verify(checks, folder):
    """SIGINT in the first forward: no dump, and not all checks to their end."""
    dump = folder / "logits.safetensors"
    process = start("verify", "--model", "mamba-130m", "--device", "cpu", "--dump", dump)
    first = process.stdout.readline()
    checks.check("verify mamba-130m" in first, f"verify begins: {first}")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    checks.check(process.returncode == 130, f"verify: exit {process.returncode}, not 130: {errors}")
    checks.check(not dump.exists(), "verify leaves no dump when interrupted")


def main():
    support.needs_torch()
    checks = support.Checks()
    with support.scratch() as folder:
        interrupt(checks, pathlib.Path(folder))
        interrupt_verify(checks, pathlib.Path(folder))
        kill(checks, pathlib.Path(folder))
    checks.finish()


main()
