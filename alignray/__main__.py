"""`python -m alignray`."""

import sys

from alignray.cli import main

if __name__ == "__main__":
    sys.exit(main())
