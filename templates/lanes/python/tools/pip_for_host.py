"""pip for this machine's Python, run in isolated mode like its sibling for the guest."""

import sys

from pip._internal.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
