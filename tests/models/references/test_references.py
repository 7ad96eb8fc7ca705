"""What the rows of known standing give, on data small enough to say what that must be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganbench_models.references.centroids import KMeansCentroids, MeanImage
from ganbench_models.references.densities import GaussianFit, GaussianMixtureFit
from ganbench_models.references.images import HalfSplit, LeakedTestImages, OneClass, PlantedCopies, TrainingImages
from ganbench_models.references.noise import Noise
from scipy.stats import multivariate_normal

from ganbench import LogDensity, Reference, check, torch_generator

SHAPE = (2, 3)
OURS = (
    "noise", "one_class", "mean_image", "gaussian_fit", "gaussian_mixture_fit", "training_images", "half_split",
    "planted_copies", "k_means_centroids", "leaked_test_images",
)  # fmt: skip


def images(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch_generator(seed))


def fitted(model, train: torch.Tensor, **given):
    list(model.fit(train, **given, generator=torch_generator(1)))
    return model


def drawn(model, n: int) -> torch.Tensor:
    return model.sample(n, generator=torch_generator(2))


def counts(samples: torch.Tensor, among: torch.Tensor) -> list[int]:
    """How often each of some images is among the samples; all samples must be found."""
    equal = (samples.flatten(1)[:, None] == among.flatten(1)[None]).all(2)
    assert bool(equal.any(1).all())
    return equal.sum(0).tolist()


@pytest.mark.parametrize("name", OURS)
def test_all_keep_the_contract(name):
    results = {result.name: result for result in check(name)}
    assert {name: result.violation for name, result in results.items() if result.status == "failed"} == {}
    skipped = {name for name, result in results.items() if result.status == "not examined"}
    others = {"codes_are_decoded", "discriminator_is_sound", *(name for name in results if "chains" in name)}
    assert skipped == others | (set() if "gaussian" in name else {"density_is_sound"})


@pytest.mark.parametrize("model", [TrainingImages, OneClass, MeanImage, KMeansCentroids, GaussianFit, Noise])
def test_all_say_what_they_show(model):
    reference = model(SHAPE)
    assert isinstance(reference, Reference)
    assert reference.reference
    assert isinstance(reference, LogDensity) == (model is GaussianFit)


def test_training_images_are_dealt_evenly():
    train = images(10)
    assert counts(drawn(fitted(TrainingImages(SHAPE), train), 10), train) == [1] * 10
    assert sorted(counts(drawn(fitted(TrainingImages(SHAPE), train), 25), train)) == [2] * 5 + [3] * 5
    few = counts(drawn(fitted(TrainingImages(SHAPE, distinct=4), train), 12), train)
    assert sorted(few) == [0] * 6 + [3] * 4


def test_held_out_and_test_images_are_what_was_handed_over():
    train, others = images(10), images(6, seed=5)
    assert counts(drawn(fitted(HalfSplit(SHAPE), train, held_out=others), 6), others) == [1] * 6
    assert counts(drawn(fitted(LeakedTestImages(SHAPE), train, test=others), 12), others) == [2] * 6


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 1.0])
def test_so_many_copies_are_planted_as_are_asked_for(share):
    """Exactly, in random order, and no image more often for being a copy."""
    train, held_out = images(400), images(400, seed=5)
    samples = drawn(fitted(PlantedCopies(SHAPE, share=share), train, held_out=held_out), 800)
    of_both = counts(samples, torch.cat([train, held_out]))
    assert sum(of_both[:400]) == round(share * 800)
    if share < 1:
        assert sum(map(bool, of_both[:400])) == round(
            share / (1 - share) * 400
        )  # as they would be among distinct images
    most = {k for k in of_both if k}
    assert max(most) - min(most) <= 1
    if 0 < share < 1:
        is_copy = (samples.flatten(1)[:, None] == train.flatten(1)[None]).all(2).any(1)
        assert 0 < int(is_copy[:400].sum()) < int(is_copy.sum())


def test_one_class_is_the_most_frequent_or_the_one_that_is_named():
    train, labels = images(10), torch.tensor([0, 1, 2, 1, 1, 0, 2, 2, 2, 1])
    labels[6] = 1
    assert counts(drawn(fitted(OneClass(SHAPE), train, labels=labels), 10), train[labels == 1]) == [2] * 5
    assert counts(drawn(fitted(OneClass(SHAPE, label=0), train, labels=labels), 4), train[labels == 0]) == [2] * 2
    with pytest.raises(ValueError, match="label is 7, and no training image has it"):
        fitted(OneClass(SHAPE, label=7), train, labels=labels)


def test_without_labels_one_class_is_what_lies_together():
    """Two groups far apart: the tenth nearest to the first image is of its group."""
    train = torch.cat([0.1 * images(20), 0.9 + 0.1 * images(20)])
    samples = drawn(fitted(OneClass(SHAPE), train, labels=None), 8)
    assert sum(counts(samples, train[:20])) == 8
    assert len(samples.unique(dim=0)) == 4


def test_the_mean_image():
    train = images(10)
    samples = drawn(fitted(MeanImage(SHAPE), train), 3)
    np.testing.assert_allclose(samples, train.mean(0).expand(3, *SHAPE), rtol=1e-6)


def test_centroids_are_means_of_what_lies_together():
    """Three tight groups of twenty: three centroids within a group's deviation of the means, dealt evenly."""
    centres = torch.tensor([0.1, 0.5, 0.9])
    train = (centres.repeat_interleave(20).view(-1, 1, 1) + 0.01 * images(60)).clamp(0, 1)
    model = fitted(KMeansCentroids(SHAPE, clusters=3), train[torch.randperm(60, generator=torch_generator(3))])
    samples = drawn(model, 9)
    assert len(samples.unique(dim=0)) == 3
    expected = torch.stack([train[20 * k : 20 * k + 20].mean(0) for k in range(3)]).repeat_interleave(3, 0)
    np.testing.assert_allclose(samples.flatten(1).sort(0).values, expected.flatten(1), atol=0.01)


def test_there_are_ten_images_for_each_centroid():
    assert len(drawn(fitted(KMeansCentroids(SHAPE), images(50)), 50).unique(dim=0)) == 5


def test_noise_is_uniform_in_the_range_of_the_data():
    """Kolmogorov-Smirnov at 1e-3: 1.95 / sqrt n."""
    samples = drawn(fitted(Noise(SHAPE), 4 * images(50) - 1), 1000).flatten().sort().values
    low, high = float((4 * images(50) - 1).min()), float((4 * images(50) - 1).max())
    assert low <= float(samples[0]) <= float(samples[-1]) <= high
    steps = (torch.arange(len(samples)) + 0.5) / len(samples)
    assert float(((samples - low) / (high - low) - steps).abs().max()) < 1.95 / math.sqrt(len(samples))


def normal(n: int, d: int, seed: int) -> torch.Tensor:
    """Gaussian vectors with correlations, mean 5."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).standard_normal((d, d))
    return torch.from_numpy((5 + rng.standard_normal((n, d)) @ mixing).astype(np.float32))


def test_the_gaussian_has_the_datas_mean_and_covariance_and_their_density():
    train, test = normal(500, 4, 0), normal(50, 4, 1)
    model = fitted(GaussianFit((4,)), train)
    x = train.double().numpy()
    expected = multivariate_normal(x.mean(0), np.cov(x.T, bias=True) + 1e-6 * np.eye(4))
    found = model.log_density(test)
    assert found.dtype is torch.float64
    np.testing.assert_allclose(found, expected.logpdf(test.double().numpy()), rtol=1e-6)
    samples = drawn(model, 40_000).double().numpy()
    assert samples.max() > 1  # not clamped, as the data are not in [0, 1]
    # means have standard errors of sqrt(var / n); covariances of about var sqrt(2 / n): five of each
    deviations = np.sqrt(np.diag(expected.cov))
    assert (np.abs(samples.mean(0) - expected.mean) < 5 * deviations / 200).all()
    assert (np.abs(np.cov(samples.T) - expected.cov) < 5 * np.outer(deviations, deviations) * math.sqrt(2) / 200).all()


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_the_mixtures_density_is_that_of_its_samples(covariance):
    """Entropy two ways: -E log p by the density, and by k nearest neighbours (Kozachenko and Leonenko) of samples."""
    centres = torch.tensor([[-4.0, 0.0], [4.0, 1.0]])
    train = centres.repeat(300, 1) + 0.5 * torch.randn(600, 2, generator=torch_generator(0))
    model = fitted(GaussianMixtureFit((2,), components=2, covariance=covariance), train)
    samples = drawn(model, 4000)
    entropy = -float(model.log_density(samples).mean())
    distances = torch.cdist(samples.double(), samples.double()).sort(1).values[:, 1]
    by_neighbours = float(torch.log(distances).mean() * 2) + math.log(math.pi) + math.log(3999) + 0.57722
    # both averages of 4,000 values with deviations of about 1 and 2 x 0.64: four standard errors
    assert entropy == pytest.approx(by_neighbours, abs=4 * 1.7 / math.sqrt(4000))
    assert sorted(model.fitted["means_"][:, 0].round().tolist()) == [-4, 4]


def test_a_density_of_images_is_of_what_is_clamped():
    train = images(300).round(decimals=1)
    model = fitted(GaussianFit(SHAPE), train)
    samples = drawn(model, 500)
    assert float(samples.min()) == 0
    assert float(samples.max()) == 1
    assert model.log_density(train).shape == (300,)


def test_constant_pixels_have_the_variance_of_rounding():
    """Grey levels a tenth apart: 0.1^2 / 12 on a pixel that never changes, and nothing else."""
    train = images(400).round(decimals=1)
    train[:, 0, 0] = 0.5
    model = fitted(GaussianFit(SHAPE), train)
    precision = model.fitted["precisions_cholesky_"][0]
    covariance = torch.linalg.inv(precision @ precision.T)
    assert float(covariance[0, 0]) == pytest.approx(0.01 / 12, rel=1e-3)
    assert float(fitted(GaussianFit(SHAPE, variance_floor=0.25), train).fitted["precisions_cholesky_"][0, 0, 0]) == (
        pytest.approx(2.0, rel=1e-3)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainingImages(SHAPE, distinct=0), "distinct is 0"),
        (lambda: OneClass(SHAPE, label=-2), "label is -2"),
        (lambda: PlantedCopies(SHAPE, share=1.5), "share is 1.5; accepted: a number of at least 0 and of at most 1"),
        (lambda: KMeansCentroids(SHAPE, clusters=0), "clusters is 0"),
        (lambda: GaussianMixtureFit(SHAPE, covariance="round"), "covariance is 'round'; accepted: 'diag', 'full'"),
        (lambda: GaussianFit(SHAPE, variance_floor=-1.0), "variance_floor is -1.0"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("model", [TrainingImages, PlantedCopies, GaussianFit])
def test_what_is_not_trained_says_so(model):
    with pytest.raises(ValueError, match="Train first"):
        drawn(model(SHAPE), 3)
