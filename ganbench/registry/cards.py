"""Cards: what a model declares of itself in words, for tables that compare kinds of models.

A card is a TOML file `cards/<model>.toml` beside the model's `presets` folder. No result depends on it.
"""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from ganbench.errors import DataError
from ganbench.registry.source import Source
from ganbench.schema import convert

__all__ = ["Card", "read_card"]


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is hard about a kind of model: the rows of Table 2 of Goodfellow et al. (2014).

    Attributes:
        family: The kind.
        training: What training asks for.
        inference: How codes are inferred.
        sampling: What a sample takes.
        evaluation: How the density of an example is evaluated.
        design: What a model of the kind must be.
    """

    family: str = ""
    training: str = ""
    inference: str = ""
    sampling: str = ""
    evaluation: str = ""
    design: str = ""


def read_card(model: Any) -> Card:
    """The card of a model as `find_model` gives it; an empty one where it has none.

    Raises:
        DataError: The file cannot be read, or a key or a value of it is not accepted.
    """
    files = (folder / f"{model.name}.toml" for folder in model.folders("cards")) if isinstance(model, Source) else ()
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        return Card()
    try:
        return convert(tomllib.loads(path.read_text(encoding="utf-8")), Card)
    except (OSError, ValueError) as error:
        raise DataError(f"The card {path} is not valid: {str(error).rstrip('.')}.") from error
