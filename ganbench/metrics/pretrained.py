"""Feature spaces of trained networks: Inception v3 of torchvision, and programs that users bring.

Source: Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016),
https://arxiv.org/abs/1512.00567; weights: https://docs.pytorch.org/vision/stable/models/inception.html. Published
Fréchet and kernel Inception distances are of another port with other weights, and are not comparable with these.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.errors import DataError
from ganbench.files import file_sha256
from ganbench.metrics.remembering import fingerprint, remembered

if TYPE_CHECKING:
    import torch

    from ganbench.metrics.metric import Features

__all__ = ["PROGRAM", "inception", "program"]

PROGRAM = ".pt2"
"""What names of programs end in: those that `torch.export.save` wrote."""

_AT_ONCE = 100  # examples
_INCEPTION_SIDE = 299  # pixels


def inception(examples: torch.Tensor) -> torch.Tensor:
    """The 2,048 averages before the last layer of Inception v3: `[n, h, w]` or `[n, 1 or 3, h, w]` to `[n, 2048]`.

    Images in [0, 1] are brought to 299 x 299 pixels, bilinearly and smoothed where they shrink, and grey ones to three
    equal channels.

    Raises:
        DataError: The examples are no such images, or the weights are neither there nor to be had.
    """
    images = examples[:, None] if examples.ndim == 3 else examples
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.min() < 0 or images.max() > 1:
        raise DataError(
            f"The space 'inception' needs images [n, h, w] or [n, 1 or 3, h, w] in [0, 1]; got {list(examples.shape)} "
            f"in [{float(examples.min()):.3g}, {float(examples.max()):.3g}]. Take another space."
        )
    network = remembered(("inception", str(images.device)), lambda: _inception(images.device))
    return remembered(("inception of", fingerprint(images)), lambda: _in_parts(network, images))


def _inception(device: torch.device) -> Any:
    from torch import nn
    from torch.hub import get_dir
    from torchvision.models import Inception_V3_Weights, inception_v3
    from torchvision.transforms.v2 import functional

    weights = Inception_V3_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(check_hash=True)
    except OSError as error:
        name = weights.url.rpartition("/")[2]
        raise DataError(
            f"The weights of Inception v3 cannot be fetched ({error}). Put {name} into {get_dir()}/checkpoints, or "
            f"take another space, as a program of your own: space=features{PROGRAM}."
        ) from error
    network = inception_v3(init_weights=False, transform_input=False)
    network.load_state_dict(state)
    network.fc = nn.Identity()
    network = network.eval().to(device)
    transform = weights.transforms()

    def features(images: torch.Tensor) -> torch.Tensor:
        resized = functional.resize(images, [_INCEPTION_SIDE, _INCEPTION_SIDE], antialias=True)
        normal = functional.normalize(resized.expand(-1, 3, -1, -1), transform.mean, transform.std)
        return network(normal)

    return features


def program(path: str) -> Features:
    """The map that a file of `torch.export.save` holds: examples `[n, *event_shape]`, as the data are, to `[n, d]`.

    Its first dimension must be dynamic. As with a model of a user's file, what is in it runs.

    Raises:
        DataError: The file cannot be read, or does not map the examples to a matrix of as many finite rows.
    """
    of_file = file_sha256(Path(path))
    module = remembered(("program", of_file), lambda: _program(path))

    def features(examples: torch.Tensor) -> torch.Tensor:
        return remembered(("program", of_file, fingerprint(examples)), lambda: _checked(path, module, examples))

    return features


def _program(path: str) -> Any:
    import torch

    try:
        with warnings.catch_warnings():  # of torch 2.11, about how it reads its own file
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
            return torch.export.load(path).module()
    except Exception as error:
        raise DataError(f"The program {path} cannot be read ({error}). Write it by torch.export.save.") from error


def _checked(path: str, module: Any, examples: torch.Tensor) -> torch.Tensor:
    import torch

    try:
        found = _in_parts(module, examples)
    except Exception as error:
        raise DataError(
            f"The program {path} fails on examples {list(examples.shape)}: {error}. Export it for such examples, as "
            "float32, with a dynamic first dimension."
        ) from error
    if found.ndim != 2 or len(found) != len(examples) or not torch.isfinite(found).all():
        raise DataError(
            f"The program {path} makes {list(found.shape)} of examples {list(examples.shape)}; expected finite [n, d]."
        )
    return found


def _in_parts(network: Any, examples: torch.Tensor) -> torch.Tensor:
    import torch

    with torch.no_grad():
        return torch.cat([network(part) for part in examples.split(_AT_ONCE)]).float()
