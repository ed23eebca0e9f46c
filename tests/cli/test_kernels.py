"""ssmprof kernels on the CPU: every case, the host library and a peer beside the native kernel."""

import os

import support
from kernels_support import SMALL, check_record, metrics, report_of


def check_cases(checks, folder):
    done = support.run("kernels", "--list")
    listed = [line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()]
    checks.check(sorted(listed) == sorted(SMALL), f"cases listed: {sorted(listed)}")
    for kernel, sizes in SMALL.items():
        for dtype, most in (("fp32", 1e-5), ("bf16", 2e-3)):
            report, _ = report_of(checks, folder, "--device", "cpu", "--kernel", kernel, "--size",
                                  sizes, "--dtype", dtype, "-q")
            checks.check(len(report["workloads"]) == 1, f"{kernel}: one record")
            for workload in report["workloads"]:
                check_record(checks, workload, "host clock")
                error = metrics(workload)["error"]["value"]
                checks.check(error <= most, f"{kernel} {dtype}: error {error}")


def check_library(checks, folder):
    if not support.HAS_TORCH:
        done = support.run("kernels", "--device", "cpu", "--kernel", "gate", "--against", "libtorch",
                           "-o", folder + "/none.json")
        checks.check(done.returncode == 3 and done.stderr.count("\n") == 1 and
                     "LibTorch" in done.stderr, f"without LibTorch: {done.returncode} {done.stderr}")
        checks.check("none.json" not in support.files_under(folder), "a report without a run")
        return
    for kernel, sizes in SMALL.items():
        for dtype, most in (("fp32", 1e-5), ("bf16", 2e-2)):
            report, done = report_of(checks, folder, "--device", "cpu", "--kernel", kernel,
                                     "--size", sizes, "--dtype", dtype, "--against", "libtorch")
            names = [w["settings"]["implementation"] for w in report["workloads"]]
            checks.check(names == ["native", "libtorch"], f"{kernel} {dtype}: {names}")
            checks.check("libtorch" in done.stdout, f"{kernel}: {done.stdout}")
            for workload in report["workloads"]:
                check_record(checks, workload, "host clock")
                error = metrics(workload)["error"]["value"]
                checks.check(error <= most, f"{kernel} {dtype} {names}: error {error}")
    # With initial and final state, which the host library has as one.
    for kernel in ("scan", "conv", "ssd"):
        report, _ = report_of(checks, folder, "--device", "cpu", "--kernel", kernel, "--size",
                              SMALL[kernel] + ",initial=1,final=1", "--dtype", "fp32", "--against",
                              "libtorch")
        errors = [metrics(w)["error"]["value"] for w in report["workloads"]]
        checks.check(len(errors) == 2 and max(errors) <= 1e-5, f"{kernel} with states: {errors}")


def check_peer(checks, folder):
    peer = os.environ["SSMPROF_PEER_CPU"]
    common = ["--device", "cpu", "--kernel", "gate,norm", "--size", "dim=32,seqlen=40", "--peer",
              peer]
    report, _ = report_of(checks, folder, *common, "--dtype", "fp32")
    names = [(w["settings"]["kernel"], w["settings"]["implementation"])
             for w in report["workloads"]]
    file = os.path.basename(peer)
    checks.check(sorted(names) == [("gate", file), ("gate", "native"), ("norm", "native")],
                 f"the peer has the gate only: {names}")
    for workload in report["workloads"]:
        check_record(checks, workload, "host clock")
        checks.check(metrics(workload)["error"]["value"] <= 1e-5, f"{workload['id']}: error")
    # A shape that the peer refuses is a record that says so, and the run has failed.
    report, _ = report_of(checks, folder, *common, "--dtype", "bf16", code=1)
    refused = [w for w in report["workloads"] if w["settings"]["implementation"] == file]
    reasons = [metrics(w)["time"].get("reason") for w in refused]
    checks.check(reasons == ["does not handle this shape"], f"refused: {reasons}")


def main():
    checks = support.Checks()
    with support.scratch() as folder:
        check_cases(checks, folder)
        check_library(checks, folder)
        check_peer(checks, folder)
    checks.finish()


main()
