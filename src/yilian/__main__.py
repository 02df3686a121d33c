"""`python -m yilian`: the command line."""

import sys

from yilian.cli import main

if __name__ == "__main__":
    sys.exit(main())
