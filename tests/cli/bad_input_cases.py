"""The table of bad command lines: what is given, the exit codes allowed, what the line must name.

`{dir}` is a scratch folder with the files that `write_files` makes. Exit codes: 2 usage or bad
input, 3 environment. Files of models and reports that are broken inside have tables of their own
in tests/workloads and tests/reports.
"""

import copy
import json
import os
import pathlib

from support import QUICK

INPUT = {2}
ENVIRONMENT = {3}
EITHER = {2, 3}

PROFILE = ["profile", "--model", "mamba-tiny", *QUICK]
PRUNE = ["prune", "--model", "mamba-tiny", "--score", "magnitude", "--ratio", ".5", *QUICK]
VERIFY = ["verify", "--model", "mamba-tiny", "--device", "cpu"]
RESULT = ["-o", "{dir}/result.json"]


def write_files(folder, report):
    """`report` is a valid report of a run, or None where none could be made."""
    folder = pathlib.Path(folder)
    texts = {
        "not.json": "not JSON",
        "cut.json": '{"schema_version": "1.0.0", "kind": "ru',
        "empty.json": "",
        "object.json": "{}",
        "array.json": "[]",
        "tokens_scalar.json": "7",
        "tokens_flat.json": "[1, 2, 3]",
        "tokens_none.json": "[]",
        "tokens_empty_row.json": "[[]]",
        "tokens_ragged.json": "[[1, 2, 3], [4, 5]]",
        "tokens_high.json": "[[1, 2, 256]]",
        "tokens_negative.json": "[[1, -2, 3]]",
        "tokens_fraction.json": "[[1, 2.5, 3]]",
        "tokens_text.json": '[[1, "two", 3]]',
        "tokens_huge.json": "[[1, 1e30, 3]]",
        "tokens_null.json": "[[1, null, 3]]",
        "tokens_minus.json": "[[1, -0, 3]]",
        "tokens_one.json": "[[0]]",
        "empty.txt": "",
        "policy_key.json": '{"policy_version": "1.0.0", "treshold": 0.1}',
        "logits.safetensors": "\x02\0\0\0\0\0\0\0{}",
        "short.safetensors": "\x02\0\0",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "ncu.csv").write_text('"ID","Kernel Name"\n"0","scan"\n')
    if report is None:
        return
    (folder / "run.json").write_text(json.dumps(report))
    (folder / "major.json").write_text(json.dumps({**report, "schema_version": "2.0.0"}))
    (folder / "version.json").write_text(json.dumps({**report, "schema_version": "new"}))
    (folder / "kind.json").write_text(json.dumps({**report, "kind": "opinion"}))
    (folder / "comparison.json").write_text(
        json.dumps({**report, "kind": "comparison", "workloads": [], "comparisons": []}))
    for name, change in broken_workloads().items():
        broken = copy.deepcopy(report)
        change(broken["workloads"][0])
        (folder / name).write_text(json.dumps(broken))
    (folder / "junk.json").write_text(json.dumps({**report, "schema_version": "1.0.0junk"}))
    (folder / "newer.json").write_text(
        json.dumps({**report, "schema_version": "1.9.0", "power": 1}))
    (folder / "control.json").write_text(json.dumps({**report, "\x1b[2Jkey": 1}))


def broken_workloads():
    """File name → what is done to the only workload of a valid report."""
    def roofline(value):
        return lambda workload: workload.update(roofline=value)

    def metric(**more):
        return lambda workload: next(iter(workload["metrics"].values())).update(**more)

    def interval(low, high):
        return {"low": low, "high": high, "level": 0.95}

    return {
        "points.json": roofline({"points": 7}),
        "point.json": roofline({"points": [5]}),
        "component.json": roofline({"points": [{"component": 5}]}),
        "roofline.json": roofline("high"),
        "dtype.json": lambda workload: workload["settings"].update(dtype=5),
        "no_dtype.json": lambda workload: workload["settings"].pop("dtype"),
        "outside.json": metric(value=3, samples=[3], interval=interval(1, 2)),
        "no_samples.json": metric(value=1.5, source="clock", interval=interval(1, 2)),
    }


def case(name, arguments, names, codes=INPUT, needs_models=False):
    return {"name": name, "arguments": arguments, "names": names, "codes": codes,
            "needs_models": needs_models}


def without(base, flag):
    """The command line without that option and its value: an option may be given once."""
    if flag not in base:
        return list(base)
    at = base.index(flag)
    return [*base[:at], *base[at + 2:]]


def option(base, flag, values, codes=INPUT, names=None):
    """One case per value of an option; the line must name the option, or `names`."""
    return [case(f"{base[0]} {flag} {value!r}",
                 [*without(base, flag), *RESULT, f"{flag}={value}"], names or flag, codes)
            for value in values]


def usage():
    return [
        case("no subcommand", [], "subcommand"),
        case("unknown subcommand", ["fly"], "fly"),
        case("unknown option", [*PROFILE, "--colour"], "--colour"),
        case("option without value", ["profile", "--model"], "--model: no value is given"),
        case("option given twice", [*PROFILE, "--model", "mamba2-tiny"],
             "--model: given more than once"),
        case("a word for a number", [*PROFILE, "--max-samples", "many"],
             "--max-samples: 'many' is not a whole number"),
        case("profile without model", ["profile"], "--model: missing"),
        case("stray argument", [*PROFILE, "stray"], "stray"),
        case("doctor with an argument", ["doctor", "now"], "now"),
        case("list of an unknown section", ["list", "weather"], "weather"),
    ]


def models():
    return [
        case("unknown preset", ["profile", "--model", "mamba-9b"], "mamba-9b"),
        case("no such folder", ["profile", "--model", "{dir}/nowhere"], "nowhere"),
        case("folder without a model", ["profile", "--model", "{dir}/folder"], "config.json"),
        case("file as a model", ["profile", "--model", "{dir}/object.json"], "object.json"),
        case("empty model name", ["profile", "--model", ""], "model"),
    ]


def run_options():
    cases = []
    cases += option(PROFILE, "--seqlen", [
        "64:32:x2", "64:128:x1", "64:128:x0", "64:128:+0", "64:128:x", "64:128", "64:128:*2",
        "64:128:+-1", "0", "-1", "1.5", "1e3", "abc", "", "1,,2", "8,", ":8:x2", "0:8:x2",
        "99999999999999999999", "1:100000000:+1", "8 "])
    cases += option(PROFILE, "--batch", ["0", "-1", "1.5", "8,", "", "4:2:x2", "2:4:x1", "nan"])
    cases += option(PROFILE, "--mode", ["train", "prefill,", "Prefill", ""])
    cases += option(PROFILE, "--backend", ["jax", "torch,,native", ""])
    cases += option(PROFILE, "--fusion", ["maybe", ""])
    cases += option(PROFILE, "--logits", ["first"])
    cases += option(PROFILE, "--probes", ["time,magic", "time,,nvtx", "Time", ""], names="probe")
    cases += option(PROFILE, "--dtype", ["int8", "float", ""])
    cases += option(PROFILE, "--state-dtype", ["fp8"])
    cases += option(PROFILE, "--device", ["tpu", "cuda:x", "cuda:-1", "cuda:", "cuda:1.5", "0"])
    cases += option(PROFILE, "--device", ["cuda:9999"], ENVIRONMENT)
    cases += option(PROFILE, "--threads", ["-2", "99999", "two", "1.5"])
    cases += option(PROFILE, "--seed", ["x", "1.5", "-1", "18446744073709551616", "", " 1", "+1",
                                        "0x10"])
    cases += option(PROFILE, "--warmup", ["nan", "-1", "inf", "x"])
    cases += option(PROFILE, "--enough-seconds", ["nan", "-1", "inf"])
    cases += option(PROFILE, "--max-seconds", ["nan", "-1", "inf"])
    cases += option(PROFILE, "--min-samples", ["0", "-3", "1.5"])
    cases += option(PROFILE, "--max-samples", ["0", "2", "100001"])
    cases.append(case("limits are whole numbers", [*PROFILE, *RESULT, "--max-samples", "0"],
                      "--max-samples: 0 is outside 1 … 100000"))
    for base, flag in ((PROFILE, "-o"), (PROFILE, "--tokens"), (PRUNE, "--calibrate"),
                       (VERIFY, "--dump"), (VERIFY, "--expect"), (["show", "x"], "--workload"),
                       (["kernels"], "--peer"), (["list"], None)):
        arguments = [*base, flag, ""] if flag else [*base, ""]
        cases.append(case(f"{base[0]} {flag} ''", arguments, "the value is empty"))
    cases.append(case("--tokens= takes no other option as its value",
                      [*PROFILE, "--tokens=", "-o", "{dir}/result.json"], "--tokens: the value is"))
    huge = [*without(PROFILE, "--seqlen"), *RESULT, "--batch", "65536", "--seqlen", "16777216"]
    cases.append(case("more memory than there is", huge, "memory", ENVIRONMENT, needs_models=True))
    return cases


def outputs():
    cases = []
    for base, flag in ((PROFILE, "-o"), (PRUNE, "-o"), (VERIFY, "--dump")):
        for path in ("{dir}/nowhere/result", "{dir}/folder", "/proc/ssmprof-result",
                     "{dir}/empty.txt/result"):
            cases.append(case(f"{base[0]} {flag} {path}", [*base, flag, path],
                              path.replace("{dir}/", ""), EITHER))
    return cases


def tokens():
    cases = []
    for name in ("nowhere.json", "not.json", "empty.json", "object.json", "tokens_scalar.json",
                 "tokens_flat.json", "tokens_none.json", "tokens_empty_row.json",
                 "tokens_ragged.json", "tokens_high.json", "tokens_negative.json",
                 "tokens_fraction.json", "tokens_text.json", "tokens_huge.json",
                 "tokens_null.json", "tokens_minus.json", "empty.txt", "nowhere.txt", "folder", "pipe",
                 "loop"):
        cases.append(case(f"--tokens {name}", [*PROFILE, *RESULT, "--tokens", f"{{dir}}/{name}"],
                          name))
    return cases


def prune():
    cases = []
    cases += option(PRUNE, "--score", ["beauty", "", "Magnitude"])
    cases += option(PRUNE, "--ratio", [
        "1", "-.1", "nan", "1.5", "inf", "half", "", ".1,,.5", ".5,1", "50%"])
    cases += option(PRUNE, "--variant", ["dense", "masked", "dense,gone", "dense,"])
    cases += option(PRUNE, "--align", ["0", "-1", "100000", "x"])
    delta = [*without(PRUNE, "--score"), *RESULT, "--score"]
    calibrated = ["prune", "--model", "mamba2-tiny", "--score", "delta", "--ratio", ".5", *QUICK,
                  *RESULT, "--calibrate"]
    cases += [
        case("prune without a score", ["prune", "--model", "mamba-tiny", "--ratio", ".5"],
             "--score"),
        case("prune without a ratio",
             ["prune", "--model", "mamba-tiny", "--score", "magnitude"], "--ratio"),
        case("delta on Mamba-1", [*delta, "delta"], "delta"),
        case("no calibration file", [*calibrated, "{dir}/nowhere.txt"], "nowhere.txt"),
        case("calibration id too high", [*calibrated, "{dir}/tokens_high.json"],
             "tokens_high.json"),
    ]
    return cases


def stored():
    """Commands that read reports."""
    cases = []
    for name in ("nowhere.json", "not.json", "cut.json", "empty.json", "object.json", "array.json",
                 "folder", "pipe", "loop"):
        cases.append(case(f"show {name}", ["show", f"{{dir}}/{name}"], name))
        cases.append(case(f"compare {name}", ["compare", f"{{dir}}/{name}", f"{{dir}}/{name}"],
                          name))
        cases.append(case(f"export {name}", ["export", f"{{dir}}/{name}", "--format", "csv"], name))
    good = "{dir}/run.json"
    for name, names in (("junk.json", "1.0.0junk"), ("newer.json", "1.9.0"),
                        ("control.json", "\\x1b[2Jkey"), ("points.json", "/roofline/points"),
                        ("point.json", "/roofline/points/0"), ("roofline.json", "/roofline"),
                        ("component.json", "/points/0/component"),
                        ("outside.json", "outside its interval"),
                        ("no_samples.json", "samples")):
        cases.append(case(f"show {name}", ["show", f"{{dir}}/{name}"], names, needs_models=True))
    for name in ("major.json", "version.json", "kind.json"):
        cases.append(case(f"show {name}", ["show", f"{{dir}}/{name}"], name, needs_models=True))
    for name in ("major.json", "version.json", "kind.json", "comparison.json", "nowhere.json"):
        for pair in ([good, f"{{dir}}/{name}"], [f"{{dir}}/{name}", good]):
            cases.append(case(f"compare {' '.join(pair)}", ["compare", *pair, *RESULT], name,
                              needs_models=True))
    for value in ("nan", "-1", "x", "inf"):
        cases.append(case(f"compare --threshold={value}",
                          ["compare", good, good, *RESULT, f"--threshold={value}"], "threshold",
                          needs_models=True))
    for name in ("nowhere.json", "not.json", "policy_key.json", "array.json"):
        cases.append(case(f"compare --policy {name}",
                          ["compare", good, good, *RESULT, "--policy", f"{{dir}}/{name}"], name,
                          needs_models=True))
    cases += [
        case("compare over the baseline", ["compare", good, good, "-o", good],
             "would overwrite the input", needs_models=True),
        case("export over the report", ["export", good, "--format", "csv", "-o", "{dir}/./run.json"],
             "would overwrite the input", needs_models=True),
        case("import over the CSV",
             ["import", "{dir}/ncu.csv", "--report", good, "-o", "{dir}/ncu.csv"],
             "would overwrite the input", needs_models=True),
        case("import a folder", ["import", "{dir}/folder", "--report", good], "is a directory",
             needs_models=True),
        case("import a pipe", ["import", "{dir}/pipe", "--report", good], "not a regular file",
             needs_models=True),
        case("import a loop of links", ["import", "{dir}/loop", "--report", good],
             "symbolic links", needs_models=True),
        case("import for a report whose type is a number",
             ["import", "{dir}/ncu.csv", "--report", "{dir}/dtype.json"], '"dtype" is 5',
             needs_models=True),
        case("import for a report without a type",
             ["import", "{dir}/ncu.csv", "--report", "{dir}/no_dtype.json"], '"dtype" is missing',
             needs_models=True),
        case("compare one report", ["compare", good], "candidate"),
        case("compare into a folder", ["compare", good, good, "-o", "{dir}/folder"], "folder",
             EITHER, needs_models=True),
        case("export without a format", ["export", good], "--format"),
        case("export in an unknown format", ["export", good, "--format", "poem"], "poem"),
        case("export into nowhere", ["export", good, "--format", "csv", "-o", "{dir}/no/where.csv"],
             "no/where.csv", EITHER, needs_models=True),
        case("show an unknown workload", ["show", good, "--workload", "llama"], "llama",
             needs_models=True),
    ]
    return cases


def verify():
    cases = [case(f"verify --expect {name}", [*VERIFY, "--expect", f"{{dir}}/{name}"], name)
             for name in ("nowhere.safetensors", "logits.safetensors", "short.safetensors",
                          "not.json", "folder")]
    one = [*VERIFY, "--backend", "native", "--tokens", "{dir}/tokens_one.json"]
    cases += [
        case("verify of what cannot differ", one, "nothing to compare"),
        case("verify over its tokens", [*one, "--dump", "{dir}/tokens_one.json"],
             "would overwrite the input"),
    ]
    for value in ("0", "-1", "nan", "inf", "x", "", "1.5"):
        cases.append(case(f"verify --tolerance={value}", [*VERIFY, f"--tolerance={value}"],
                          "--tolerance"))
    cases.append(case("verify with a bad token", [*VERIFY, "--tokens", "{dir}/tokens_high.json"],
                      "tokens_high.json"))
    return cases


def ncu():
    base = ["ncu", "--model", "mamba-tiny"]
    return [
        case("ncu on the CPU", [*base, "--component", "scan", "--device", "cpu"], "--device"),
        case("ncu on no device", [*base, "--component", "scan", "--device", "cuda:x"], "--device"),
        case("ncu without a component", base, "--component"),
        case("ncu of an unknown component", [*base, "--component", "attention"], "attention"),
        case("ncu of a layer that is not there", [*base, "--component", "scan", "--layer", "99"],
             "99"),
        case("ncu of a negative layer", [*base, "--component", "scan", "--layer=-1"], "--layer"),
        case("ncu of layer x", [*base, "--component", "scan", "--layer", "x"], "--layer"),
        case("ncu of tokens that are not there",
             [*base, "--component", "scan", "--tokens", "{dir}/nowhere.json"], "nowhere.json"),
        case("ncu of metrics without a name", [*base, "--component", "scan", "--metrics", ""],
             "--metrics"),
        case("ncu of an unknown fusion", [*base, "--component", "scan", "--fusion", "maybe"],
             "--fusion"),
        case("ncu of two lengths", [*base, "--component", "scan", "--seqlen", "8,16"], "--seqlen"),
    ]


def kernels():
    """Values are judged before the device is looked for."""
    base = ["kernels", "--kernel", "scan"]
    cases = []
    for flag, values in (("--kernel", ["attention", "scan,,conv"]), ("--batch", ["0", "2:1:x2"]),
                         ("--seqlen", ["x1", "-1", "1.5"]), ("--dtype", ["int8"]),
                         ("--preset", ["llama"]), ("--samples", ["0", "x"]),
                         ("--device", ["tpu"]), ("--threads", ["-1", "x"]),
                         ("--against", ["jax"])):
        cases += option(base, flag, values, names="llama" if flag == "--preset" else None)
    cases += [
        case("kernels with a size that is none", [*base, "--size", "dim"], "dim", EITHER),
        case("kernels with a peer that is none", [*base, "--peer", "{dir}/nowhere.so"],
             "nowhere.so", EITHER),
    ]
    return cases


def all_cases():
    return [*usage(), *models(), *run_options(), *outputs(), *tokens(), *prune(), *stored(),
            *verify(), *ncu(), *kernels()]
