"""`alignray pairs` as a Ray job: preference pairs out of ranks.

    ray job submit --working-dir . -- python jobs/pairs.py --config pairs.yaml key=value

The arguments are those of `alignray pairs`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["pairs", *sys.argv[1:]]))
