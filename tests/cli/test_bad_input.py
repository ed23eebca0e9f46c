"""Every bad command line fails alike: its exit code, one clear line on stderr, nothing written."""

import pathlib
from concurrent.futures import ThreadPoolExecutor

import support
from bad_input_cases import all_cases, write_files


def judge(folder, case):
    """Runs a case; returns what is wrong with how it failed."""
    arguments = [a.replace("{dir}", str(folder)) for a in case["arguments"]]
    names = case["names"].replace("{dir}", str(folder))
    done = support.run(*arguments, timeout=60)
    lines = done.stderr.splitlines()
    wrong = []
    if done.returncode not in case["codes"]:
        wrong.append(f"exit code {done.returncode}, not {sorted(case['codes'])}")
    if len(lines) != 1 or not lines[0].startswith("ssmprof: "):
        wrong.append(f"stderr is not one line 'ssmprof: …': {done.stderr[:400]!r}")
    if names not in done.stderr:
        wrong.append(f"stderr does not name {names!r}: {done.stderr[:400]!r}")
    return wrong


def main():
    checks = support.Checks()
    cases = all_cases()
    with support.scratch() as folder:
        report = None
        if support.HAS_TORCH:
            with support.scratch() as other:
                report = support.tiny_report(pathlib.Path(other) / "run.json")
        write_files(folder, report)
        before = support.files_under(folder)
        chosen = [c for c in cases if report or not c["needs_models"]]
        with ThreadPoolExecutor(2) as pool:
            for case, wrong in zip(chosen, pool.map(lambda c: judge(folder, c), chosen)):
                checks.check(not wrong, f"{case['name']}: {'; '.join(wrong)}")
        after = support.files_under(folder)
        checks.check(before == after, f"files were written: {sorted(set(after) - set(before))}")
    if len(chosen) < len(cases):
        print(f"SKIPPED: {len(cases) - len(chosen)} cases need a model to run, and this build has "
              "no LibTorch")
    checks.check(len(chosen) >= 80, f"only {len(chosen)} cases")
    checks.finish()


main()
