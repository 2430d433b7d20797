"""Entry point of ``python -m shelfnet``, the same as the command ``shelfnet``."""

import sys

from shelfnet.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
