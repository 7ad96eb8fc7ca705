"""A protocol of one's own: the TOML file beside this script says what is trained, sampled and measured, and how."""

from pathlib import Path

import ganbench

protocol = ganbench.load_protocol(str(Path(__file__).with_suffix(".toml")))
print(f"{protocol.name}: {protocol.title}")

# As `ganbench run-all --protocol own_protocol.toml` does; a second run only reads what is stored.
outcome = ganbench.run(protocol)
print(ganbench.render_table(ganbench.table(outcome), protocol, "text"), end="")
