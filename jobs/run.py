"""`alignray run` as a Ray job: a whole recipe.

    ray job submit --working-dir . -- python jobs/run.py jobs/recipes/pocket.yaml --out DIR

The arguments are those of `alignray run`; DIR must be one that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
