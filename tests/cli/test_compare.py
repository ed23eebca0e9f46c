"""compare as a gate: the verdict is the exit code, and nothing that is incomparable passes."""

import copy
import json
import pathlib

import support


def leaf_metric(report, name):
    """The first metric of that id in a range that has a value."""
    for workload in report["workloads"]:
        for part in workload["ranges"]:
            if part["metrics"].get(name, {}).get("value"):
                return part["metrics"][name]
    raise AssertionError(f"no range has a value of {name}")


def without_component(report, component):
    """The report without that component's ranges; parent indices follow."""
    fewer = copy.deepcopy(report)
    for workload in fewer["workloads"]:
        kept = [i for i, r in enumerate(workload["ranges"]) if r.get("component") != component]
        assert len(kept) < len(workload["ranges"]), f"no range of {component}"
        moved = {old: new for new, old in enumerate(kept)}
        moved[-1] = -1
        ranges = [workload["ranges"][i] for i in kept]
        for part in ranges:
            if part.get("parent") is not None:
                part["parent"] = moved[part["parent"]]
        workload["ranges"] = ranges
    return fewer


def main():
    support.needs_torch()
    checks = support.Checks()
    with support.scratch() as folder:
        folder = pathlib.Path(folder)

        def stored(name, report):
            (folder / name).write_text(json.dumps(report))
            return folder / name

        def code(a, b, *more):
            done = support.run("compare", a, b, *more)
            return done.returncode, done

        report = support.tiny_report(folder / "run.json")
        same, done = code(folder / "run.json", folder / "run.json", "-o", folder / "same.json")
        checks.check(same == 0, f"a report equals itself: {same} {done.stderr}{done.stdout}")
        verdict = json.loads((folder / "same.json").read_text())
        checks.check(verdict["kind"] == "comparison", "the written verdict is a comparison")

        # The same run again: what is deterministic must be equal to the last bit.
        support.tiny_report(folder / "again.json")
        again, done = code(folder / "run.json", folder / "again.json", "--strict")
        checks.check(again == 0, f"two runs agree: {again} {done.stderr}{done.stdout}")

        changed = copy.deepcopy(report)
        leaf_metric(changed, "flops")["value"] += 1
        one, done = code(folder / "run.json", stored("flops.json", changed))
        checks.check(one == 1, f"one FLOP more is a regression: {one} {done.stderr}{done.stdout}")

        # A range that vanished is a regression; a workload that is not there is not comparable.
        fewer = stored("fewer.json", without_component(report, "conv"))
        lost, done = code(folder / "run.json", fewer)
        checks.check(lost == 1, f"a vanished range is a regression: {lost} {done.stderr}"
                     f"{done.stdout}")

        # Formulas hold on any machine; a time does not compare with one of another machine.
        moved = copy.deepcopy(report)
        moved["environment"]["cpu"]["model"] = "another"
        moved["environment"]["os"] = "another"
        anywhere, done = code(folder / "run.json", stored("moved.json", moved))
        checks.check(anywhere == 0, f"formulas compare anywhere: {anywhere} {done.stdout}")
        support.timed_report(folder / "timed.json")
        timed = json.loads((folder / "timed.json").read_text())
        timed["environment"]["cpu"]["model"] = "another"
        elsewhere, done = code(folder / "timed.json", stored("elsewhere.json", timed))
        checks.check(elsewhere == 4, f"times of another machine do not: {elsewhere} {done.stdout}")

        other = support.tiny_report(folder / "mamba2.json", "mamba2-tiny")
        checks.check(other["workloads"], "the other report has a workload")
        apart, done = code(folder / "run.json", folder / "mamba2.json")
        checks.check(apart in (1, 4), f"another model does not pass: {apart} {done.stdout}")
    checks.finish()


main()
