"""`alignray sft` as a Ray job: supervised fine-tuning.

    ray job submit --working-dir . -- python jobs/sft.py --config sft.yaml key=value

The arguments are those of `alignray sft`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["sft", *sys.argv[1:]]))
