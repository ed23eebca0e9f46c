"""Prints the counts of a ctest run and every skip in it with its reason, from its JUnit report.

usage: list_skipped.py TESTS.xml
"""

import re
import sys
import xml.etree.ElementTree as tree


def reasons(case):
    """The lines `SKIPPED: reason` that a test printed, in order and once each."""
    output = case.findtext("system-out") or ""
    return list(dict.fromkeys(re.findall(r"SKIPPED: *(.+)", output)))


def main():
    suite = tree.parse(sys.argv[1]).getroot()
    cases = list(suite.iter("testcase"))
    failed = [c for c in cases if c.find("failure") is not None]
    skipped = [c for c in cases if c.find("skipped") is not None]
    for case in skipped:
        why = reasons(case) or [case.find("skipped").get("message", "no reason given")]
        print(f"skipped: {case.get('name')}: {'; '.join(why)}")
    for case in cases:
        if case in skipped:
            continue
        for why in reasons(case):
            print(f"skipped in part: {case.get('name')}: {why}")
    for case in failed:
        print(f"failed: {case.get('name')}")
    passed = len(cases) - len(failed) - len(skipped)
    print(f"{len(cases)} tests: {passed} passed, {len(failed)} failed, {len(skipped)} skipped")


main()
