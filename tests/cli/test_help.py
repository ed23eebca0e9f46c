"""--help teaches: every subcommand answers with a summary and an example, on stdout, with 0."""

import re

import support


def main():
    checks = support.Checks()
    top = support.run("--help")
    checks.check(top.returncode == 0 and not top.stderr, "--help exits with 0, silent on stderr")
    checks.check("Exit codes:" in top.stdout, "--help shows the exit codes")
    version = support.run("--version")
    checks.check(version.returncode == 0, "--version exits with 0")
    checks.check(re.fullmatch(r"ssmprof \d+\.\d+\.\d+\S*\n", version.stdout) is not None,
                 f"--version prints name and version: {version.stdout!r}")

    section = re.split(r"\n\s*(?:SUBCOMMANDS|Subcommands):\s*\n", top.stdout)[1]
    names = re.findall(r"^  ([a-z]+) ", section.split("\n\n")[0], re.MULTILINE)
    for needed in ("profile", "prune", "compare", "verify", "list", "doctor", "show", "export"):
        checks.check(needed in names, f"--help lists {needed}: {names}")
    for name in names:
        done = support.run(name, "--help")
        checks.check(done.returncode == 0, f"{name} --help exits with 0: {done.returncode}")
        checks.check("Example" in done.stdout, f"{name} --help has an example")
        checks.check(f"ssmprof {name}" in done.stdout, f"{name}'s example calls it")
        checks.check(not done.stderr, f"{name} --help is silent on stderr")

    for section in ("models", "probes", "scores", "components", "exporters", "metrics"):
        done = support.run("list", section)
        checks.check(done.returncode == 0 and len(done.stdout.splitlines()) > 2,
                     f"list {section} lists something")
    doctor = support.run("doctor")
    checks.check(doctor.returncode == 0 and doctor.stdout.strip() != "", "doctor answers")
    checks.finish()


main()
