"""python -m gpt_exp VERB: the command line without its script."""

import sys

from gpt_exp.cli import main

if __name__ == "__main__":
    sys.exit(main())
