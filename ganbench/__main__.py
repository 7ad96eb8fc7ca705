"""``python -m ganbench``: the command line."""

from __future__ import annotations

import sys

from ganbench.cli import main

sys.exit(main())
