"""Every benchmark in turn, or those named: `python benchmarks/run.py import`."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOT_BENCHMARKS = {"run", "floor", "population", "growth", "counting", "sinks", "bare", "calling", "answering"}
# Take minutes, so they are run only by name.
BY_NAME = {"soak"}


def main() -> int:
    """Run them; 1 when one of them failed or is not there."""
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    wanted = sys.argv[1:] or [name for name in known if name not in BY_NAME]
    failed = [name for name in wanted if name not in known]
    for name in [name for name in wanted if name in known]:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, HERE / f"{name}.py"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed or unknown: {', '.join(failed)}; there are: {', '.join(known)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
