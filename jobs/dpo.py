"""`alignray dpo` as a Ray job: direct preference optimization.

    ray job submit --working-dir . -- python jobs/dpo.py --config dpo.yaml key=value
    ... python jobs/dpo.py --config config_full.yaml --deepspeed deepspeed_zero3.yaml

The second form takes a recipe of alignment-handbook and a launch file of accelerate as they are.
The arguments are those of `alignray dpo`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["dpo", *sys.argv[1:]]))
