"""Protocols: evaluation procedures as data, one TOML file each, with the published values they are held against."""

from __future__ import annotations

from ganbench.choices import protocol_names
from ganbench.protocols.protocol import ChainRule, DatasetPlan, Protocol, Published, Selection, load_protocol

__all__ = ["ChainRule", "DatasetPlan", "Protocol", "Published", "Selection", "load_protocol", "protocol_names"]
