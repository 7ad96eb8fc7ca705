from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from ganbench.metrics import remembering
from ganbench.metrics.features import pixels, principal_components, train_classifier


def digits(n: int = 1000) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images[:n] / 16, dtype=torch.float32).view(-1, 8, 8), torch.tensor(labels[:n])


def test_pixels_are_the_numbers_as_they_are():
    assert pixels(torch.arange(12.0).view(2, 2, 3)).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_components_are_those_of_another_implementation_up_to_sign():
    train, _ = digits()
    ours = principal_components(train, 4)(train).numpy()
    theirs = PCA(4, svd_solver="full").fit_transform(train.flatten(1).double().numpy())
    signs = np.sign((ours * theirs).sum(0))
    np.testing.assert_allclose(ours * signs, theirs, atol=1e-4)


def test_there_are_as_many_components_as_dimensions():
    assert principal_components(torch.rand(9, 2), 5)(torch.rand(3, 2)).shape == (3, 2)


def test_the_classifier_learns_what_can_be_learnt():
    """On digits; a nearest-neighbour classifier of scikit-learn is right on 96 % of the same images."""
    images, labels = digits(1797)
    classifier = train_classifier(images[:1000], labels[:1000])
    assert classifier.n_classes == 10
    assert classifier.accuracy(images[1000:], labels[1000:]) > 0.9
    assert classifier.hidden(images[:3]).shape == (3, 256)


@pytest.mark.parametrize(("scale", "offset"), [(255.0, 0.0), (1e4, 1e5)])
def test_the_classifier_learns_at_any_scale(scale, offset):
    images, labels = digits(1797)
    images = images * scale + offset
    assert train_classifier(images[:1000], labels[:1000]).accuracy(images[1000:], labels[1000:]) > 0.9


def test_the_classifier_survives_a_constant_beyond_the_unit():
    assert all(
        layer.isfinite().all() for layer in train_classifier(torch.full((9, 2), 7.0), torch.arange(9) % 2).layers
    )


def test_the_classifier_learns_nothing_from_labels_at_random():
    images, labels = digits(1797)
    shuffled = labels[torch.randperm(1797, generator=torch.Generator().manual_seed(0))]
    accuracy = train_classifier(images[:1000], shuffled[:1000]).accuracy(images[1000:], shuffled[1000:])
    assert accuracy == pytest.approx(0.1, abs=5 * (0.1 * 0.9 / 797) ** 0.5)


def test_equal_data_give_one_classifier_and_other_data_another(monkeypatch):
    monkeypatch.setattr(remembering, "_memory", {})
    images, labels = digits(200)
    first = train_classifier(images, labels)
    assert train_classifier(images.clone(), labels.clone()) is first
    remembering._memory.clear()
    again = train_classifier(images, labels)
    assert again is not first
    assert again.sha256 == first.sha256
    assert train_classifier(images, labels.flip(0)).sha256 != first.sha256
    assert train_classifier(1 - images, labels).sha256 != first.sha256


def test_global_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    remembering._memory.clear()
    train_classifier(*digits(100))
    assert torch.equal(torch.get_rng_state(), before)
