"""A few seconds of torture.py, each time with another mix; run it by hand for longer."""

import pathlib
import subprocess
import sys

from harness import PATIENCE


def test_nothing_breaks_and_nothing_stays_behind():
    done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("torture.py"), "--seconds", "8",
                           "--clients", "12"], capture_output=True, text=True, timeout=120 * PATIENCE)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
