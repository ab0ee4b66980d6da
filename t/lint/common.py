"""What the lint checks share: the list of files and the way a finding is reported.

A check is a program in this folder. It prints one line a finding (file:line: what is wrong, what would be right) and
exits 0 when there is none, 1 when there are some, 77 with a reason when it cannot be made here.
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIP = 77


def files(*suffixes):
    """Paths (relative to ROOT) of the project's files, those not yet committed included; those that git ignores
    left out. Outside of git (a release tarball): all but build trees."""
    try:
        out = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
                             check=True, capture_output=True).stdout.decode()
        names = [n for n in out.split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for top, dirs, leaves in os.walk(ROOT):
            dirs[:] = [d for d in dirs if d not in ("build", "node_modules", "autom4te.cache") and d[0] != "."]
            names += [os.path.relpath(os.path.join(top, leaf), ROOT) for leaf in leaves]
    names = [n for n in names if os.path.isfile(os.path.join(ROOT, n))]
    return sorted(n for n in names if not suffixes or n.endswith(suffixes))


def text(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def finish(findings):
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


def skip(why):
    print(why)
    sys.exit(SKIP)
