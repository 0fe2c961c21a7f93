"""`alignray rank` as a Ray job: a judge grades or orders the responses.

    ray job submit --working-dir . -- python jobs/rank.py --config rank.yaml key=value

The arguments are those of `alignray rank`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["rank", *sys.argv[1:]]))
