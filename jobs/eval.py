"""`alignray eval` as a Ray job: harm, refusal, over-refusal and use of models.

    ray job submit --working-dir . -- python jobs/eval.py --config eval.yaml key=value

The arguments are those of `alignray eval`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["eval", *sys.argv[1:]]))
