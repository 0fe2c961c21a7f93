"""`alignray export` as a Ray job: a training's checkpoint as a model folder.

    ray job submit --working-dir . -- python jobs/export.py source=CHECKPOINT output_dir=OUT

The arguments are those of `alignray export`; paths must be ones that all nodes share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
