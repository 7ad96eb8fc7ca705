"""How long the command line takes to answer."""

from __future__ import annotations

import subprocess
import sys


class CommandLine:
    def time_help(self):
        subprocess.run([sys.executable, "-m", "ganbench", "--help"], check=True, capture_output=True)
