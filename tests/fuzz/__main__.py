"""`python -m tests.fuzz [SECONDS] [SEED]`: fuzz the reading of reports, and say how many were."""

import sys
import time

from tests.fuzz.campaign import run


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 1_000_000
    print(f"seed {seed}", flush=True)
    found = run(seconds, seed)
    print(f"{found.executions:,} reports in {seconds:.0f} s; only NotUnderstood escaped")
    print(f"the slowest took {found.worst:.0%} of its time, the largest {found.most:,} bytes")
    for outcome, number in found.outcomes.most_common():
        print(f"{number:>12,}  {outcome}")


if __name__ == "__main__":
    main()
