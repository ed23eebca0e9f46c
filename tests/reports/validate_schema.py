"""Validates reports against reports/data/report.schema.json.

    python tests/reports/validate_schema.py FILE...            exit 0 when all are valid, else 1
    python tests/reports/validate_schema.py --selftest FILE... and break each in many ways: every
                                                               broken copy must be refused
"""
import copy
import json
import pathlib
import sys

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "reports" / "data" / "report.schema.json"


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON number")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, parse_constant=refuse_constant)


def validator():
    schema = load(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def errors(document):
    """One line per violation; empty when the document is a valid report."""
    found = sorted(validator().iter_errors(document), key=lambda e: list(map(str, e.path)))
    return ["/" + "/".join(map(str, e.absolute_path)) + ": " + e.message[:200] for e in found]


def validate(path):
    try:
        return errors(load(path))
    except (OSError, ValueError) as error:
        return [str(error)]


def broken(document):
    """Copies of the document, each wrong in one way, with a name."""
    def change(name, function):
        other = copy.deepcopy(document)
        function(other)
        return name, other

    for key in document:
        yield change(f"without {key}", lambda d, key=key: d.pop(key))
    yield change("unknown key", lambda d: d.update(extra=1))
    yield change("other major version", lambda d: d.update(schema_version="2.0.0"))
    yield change("unknown kind", lambda d: d.update(kind="runs"))
    for i, workload in enumerate(document["workloads"][:1]):
        def at(d, i=i):
            return d["workloads"][i]
        for key in workload:
            yield change(f"workload without {key}", lambda d, key=key: at(d).pop(key))
        metric = next(iter(workload["metrics"]))
        yield change("value as text", lambda d: at(d)["metrics"][metric].update(value="1"))
        yield change("null without reason", lambda d: (
            at(d)["metrics"][metric].update(value=None), at(d)["metrics"][metric].pop("reason", 0)))
        yield change("unknown class", lambda d: at(d)["metrics"][metric].update({"class": "x"}))
        yield change("unknown metric key", lambda d: at(d)["metrics"][metric].update(x=1))
        yield change("parent as text", lambda d: at(d)["ranges"][0].update(parent="0"))
        yield change("fractional layer", lambda d: at(d)["ranges"][0].update(layer=0.5))
        yield change("unknown level", lambda d: at(d)["diagnostics"].append(
            {"rule": "r", "level": "fatal", "message": "m"}))
    for i, _ in enumerate(document["comparisons"][:1]):
        def entry(d, i=i):
            return d["comparisons"][i]["entries"][0]
        for key in ("verdict", "baseline", "interval", "class", "range"):
            yield change(f"entry without {key}", lambda d, key=key: entry(d).pop(key))
        yield change("unknown verdict", lambda d: entry(d).update(verdict="better"))
        yield change("ambiguous without reason", lambda d: (
            entry(d).update(verdict="ambiguous"), entry(d).pop("reason", 0)))
        yield change("a run with comparisons", lambda d: d.update(kind="run"))


def main(arguments):
    selftest = "--selftest" in arguments
    paths = [a for a in arguments if a != "--selftest"]
    if not paths:
        print(__doc__)
        return 2
    failed = 0
    for path in paths:
        found = validate(path)
        for line in found:
            print(f"{path}: {line}")
        failed += bool(found)
        if selftest and not found:
            for name, document in broken(load(path)):
                if not errors(document):
                    print(f"{path}: accepted although broken: {name}")
                    failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
