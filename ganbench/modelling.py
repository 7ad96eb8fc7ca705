"""What authors of fast models may use besides the contract: the harness's own building blocks.

A model needs none of these. They spare a model of many small steps what eager execution costs (`Replayed`), send its
products to the fastest library that torch carries (`affine`, `add_product_`), draw random bits cheaply, and check
hyper-parameters in the harness's words.
"""

from __future__ import annotations

from ganbench.hyperparameters import check_choice, check_flag, check_integer, check_number, per_layer
from ganbench.runtime.cuda_graphs import Replayed
from ganbench.runtime.matmul import add_product_, affine
from ganbench.runtime.minibatches import shuffled_minibatches
from ganbench.runtime.precision import resolve_precision
from ganbench.runtime.random_bits import random_integers

__all__ = [
    "Replayed",
    "add_product_",
    "affine",
    "check_choice",
    "check_flag",
    "check_integer",
    "check_number",
    "per_layer",
    "random_integers",
    "resolve_precision",
    "shuffled_minibatches",
]
