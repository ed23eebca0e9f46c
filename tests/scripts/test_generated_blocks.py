"""The figures in the documents are those of the committed reports, printed by the program."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ["SSMPROF_SOURCE_DIR"])
TOOL = ROOT / "scripts" / "tools" / "generated_blocks.py"

done = subprocess.run([sys.executable, TOOL, os.environ["SSMPROF_PROGRAM"], ROOT, "--check"],
                      capture_output=True, text=True, check=False)
print(done.stdout + done.stderr)
sys.exit(done.returncode)
