"""What the tests of 'ssmprof kernels' share."""

import json
import pathlib

import support

# The smallest shape of every kernel that still has more than one of each thing.
SMALL = {
    "scan": "dim=32,state=16,seqlen=40",
    "conv": "dim=32,seqlen=40",
    "gate": "dim=32,seqlen=40",
    "gated_norm": "dim=64,seqlen=40",
    "linear": "outputs=40,inputs=32,batch=3",
    "norm": "dim=32,seqlen=40",
    "ssd": "heads=2,head_dim=16,state=16,seqlen=40",
    "conv_update": "dim=32,batch=3",
    "state_update": "dim=32,batch=3",
    "ssd_update": "heads=2,head_dim=16,state=16,batch=3",
    "ssd_step": "heads=2,head_dim=16,state=16,batch=3",
}


def report_of(checks, folder, *arguments, code=0):
    """Runs 'ssmprof kernels'; its report and what it printed."""
    path = pathlib.Path(folder) / "kernels.json"
    path.unlink(missing_ok=True)
    done = support.run("kernels", *arguments, "--samples", 6, "-o", path)
    checks.check(done.returncode == code,
                 f"{arguments}: exit code {done.returncode}, not {code}: {done.stderr}{done.stdout}")
    if not path.exists():
        return {"workloads": []}, done
    report = json.loads(path.read_text())
    undefined = support.undefined_metrics(report)
    checks.check(not undefined, f"{arguments}: metrics without a definition: {undefined}")
    return report, done


def metrics(workload):
    """Metrics by name, of a workload of a report."""
    found = workload["metrics"]
    return found if isinstance(found, dict) else {m["id"]: m for m in found}


def check_record(checks, workload, timing):
    """A record states its time, error, floor and the rates of its own run."""
    name, of = workload["id"], metrics(workload)
    settings = workload["settings"]
    checks.check(settings["timing"] == timing, f"{name}: timed by {settings['timing']}")
    checks.check(settings["copy_bytes_per_second"] > 1e8, f"{name}: no copy rate")
    checks.check("gemm_flops_per_second" in settings, f"{name}: no GEMM rate, not even null")
    checks.check(bool(settings["floor_formula"]), f"{name}: no formula of the floor")
    for metric in ("time", "time_floor", "floor_share", "bytes_per_second", "bytes_min"):
        value = of[metric].get("value")
        checks.check(value is not None and value > 0, f"{name}: {metric} is {value}")
    for metric in ("cycles", "transcendentals_share", "issue_share_min"):
        checks.check(of[metric].get("value") is not None or of[metric].get("reason"),
                     f"{name}: {metric} has neither value nor reason")
    checks.check(len(of["time"]["samples"]) == 6, f"{name}: {of['time'].get('samples')}")
