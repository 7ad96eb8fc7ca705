"""Protocols: evaluation procedures as data, one TOML file each, with the published values they are held against."""

from __future__ import annotations

from ganbench.choices import protocol_names
from ganbench.protocols.cluster import ClusterSettings, load_cluster_settings
from ganbench.protocols.protocol import DatasetPlan, Protocol, load_protocol
from ganbench.protocols.published import Judgement, Published, published_elsewhere
from ganbench.protocols.sampling import ChainRule, Selection

__all__ = [
    "ChainRule",
    "ClusterSettings",
    "DatasetPlan",
    "Judgement",
    "Protocol",
    "Published",
    "Selection",
    "load_cluster_settings",
    "load_protocol",
    "protocol_names",
    "published_elsewhere",
]
