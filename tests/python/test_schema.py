"""Every kind of report that the program writes is valid by the JSON Schema in the tree, and the
schema refuses what is wrong: each report is broken in many ways, one at a time."""

import json
import lzma
import os
import pathlib

import jsonschema  # noqa: F401  needed by validate_schema; named here so that it can be missed
import support
import validate_schema

ROOT = pathlib.Path(os.environ["SSMPROF_SOURCE_DIR"])


def written(folder, checks):
    """Runs the program and returns the reports it wrote."""
    tiny = ["--model", "mamba2-tiny", "--device", "cpu", "--seqlen", "24", "--warmup", "0",
            "--max-seconds", "0.05", "--min-samples", "6", "-q", "--backend", "native"]
    run, changed = folder / "run.json", folder / "other.json"
    commands = {
        run: ["profile", *tiny],
        changed: ["profile", *tiny, "--fusion", "on", "--mode", "decode"],
        folder / "prune.json": ["prune", *tiny, "--score", "magnitude", "--ratio", ".5"],
        folder / "same.json": ["compare", run, run],
        folder / "apart.json": ["compare", run, changed],
    }
    for path, command in commands.items():
        done = support.run(*command, "-o", path)
        checks.check(path.exists(), f"{' '.join(map(str, command))}: {done.stderr}")
    return [p for p in commands if p.exists()]


def main():
    checks = support.Checks()
    with support.scratch() as folder:
        reports = written(pathlib.Path(folder), checks)
        # Not reports: accuracies (see test_accuracy.py), times of profilers, and Nsight Compute's
        # counters of kernels.
        stored = sorted(path for path in (ROOT / "docs" / "results").rglob("*.json")
                        if not path.name.startswith(("accuracy", "profilers"))
                        and not path.name.endswith("-counters.json"))
        for packed in (ROOT / "docs" / "results").rglob("*.json.xz"):
            stored.append(pathlib.Path(folder) / packed.stem)
            stored[-1].write_bytes(lzma.decompress(packed.read_bytes()))
        for path in [*reports, *stored]:
            found = validate_schema.validate(path)
            checks.check(not found, f"{path.name}: {found[:3]}")
        for path in reports:
            undefined = support.undefined_metrics(json.loads(path.read_text()))
            checks.check(not undefined, f"{path.name}: metrics without a definition: {undefined}")
            for name, document in validate_schema.broken(json.loads(path.read_text())):
                checks.check(validate_schema.errors(document),
                             f"{path.name}: accepted although broken: {name}")
    checks.finish()


main()
