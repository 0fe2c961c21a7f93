"""`alignray sft` as a Ray job: supervised fine-tuning.

    ray job submit --working-dir . -- python jobs/sft.py --config sft.yaml key=value
    ... python jobs/sft.py --config config_full.yaml --deepspeed deepspeed_zero3.yaml

The second form takes a recipe of alignment-handbook and a launch file of accelerate as they are.
The arguments are those of `alignray sft`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["sft", *sys.argv[1:]]))
