"""`python3 -m ops COMMAND`, which the Makefile calls with whatever Python is there.

An old Python has to understand this file, at least as far as the check.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        f"llmhub needs Python 3.11 or newer, this is {sys.version_info[0]}.{sys.version_info[1]}: "
        "install one and name it, as in `make up PYTHON=python3.12`."
    )

from ops.cli import main

sys.exit(main(sys.argv[1:]))
