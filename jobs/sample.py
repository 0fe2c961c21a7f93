"""`alignray sample` as a Ray job: N responses to each of K prompts.

    ray job submit --working-dir . -- python jobs/sample.py --config sample.yaml key=value

The arguments are those of `alignray sample`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["sample", *sys.argv[1:]]))
