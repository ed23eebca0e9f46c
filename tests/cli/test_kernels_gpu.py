"""ssmprof kernels on the GPU: LibTorch and a peer beside the native kernels, in graph replays."""

import os
import sys

import support
from kernels_support import SMALL, check_record, metrics, report_of


def main():
    done = support.run("kernels", "--kernel", "gate", "--size", "dim=32,seqlen=40", "-q")
    if done.returncode == 3:
        print(f"SKIPPED: {done.stderr.strip()}")
        sys.exit(77)
    checks = support.Checks()
    against = ["--against", "libtorch"] if support.HAS_TORCH else []
    with support.scratch() as folder:
        for kernel, sizes in SMALL.items():
            report, _ = report_of(checks, folder, "--kernel", kernel, "--size", sizes, "--dtype",
                                  "fp32", *against)
            names = [w["settings"]["implementation"] for w in report["workloads"]]
            checks.check(names == ["native"] + (["libtorch"] if against else []), f"{names}")
            for workload in report["workloads"]:
                check_record(checks, workload, "graph replay")
                for metric in ("cycles", "issue_share_min"):
                    checks.check(metrics(workload)[metric].get("value", 0) > 0,
                                 f"{workload['id']}: {metric}")
        peer = os.environ["SSMPROF_PEER_CUDA"]
        for dtype in ("fp32", "bf16", "fp16"):
            report, _ = report_of(checks, folder, "--kernel", "gate", "--size", "dim=100,seqlen=40",
                                  "--dtype", dtype, "--peer", peer)
            checks.check(len(report["workloads"]) == 2, "the native kernel and the peer")
            for workload in report["workloads"]:
                check_record(checks, workload, "graph replay")
    checks.finish()


main()
