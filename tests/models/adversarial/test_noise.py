import math

import pytest
import torch
from ganbench_models.adversarial.noise import Noise

N = 40_000


def _draw(kind: str, seed: int = 0) -> torch.Tensor:
    return Noise(kind, 5).sample(N, generator=torch.Generator().manual_seed(seed)).double()


def test_uniform_noise_fills_the_interval_of_unit_variance():
    z = _draw("uniform")
    assert -math.sqrt(3) <= float(z.min()) < -math.sqrt(3) + 0.01
    assert math.sqrt(3) - 0.01 < float(z.max()) <= math.sqrt(3) + 1e-6


# Fourth moments: 9/5 of U(±√3) and 3 of N(0, 1).
@pytest.mark.parametrize(("kind", "fourth"), [("uniform", 9 / 5), ("gaussian", 3.0)])
def test_elements_have_mean_0_and_variance_1(kind, fourth):
    z = _draw(kind)
    assert abs(float(z.mean())) < 5 * 1 / math.sqrt(z.numel())
    assert abs(float(z.square().mean()) - 1) < 5 * math.sqrt((fourth - 1) / z.numel())
    assert abs(float(z.pow(4).mean()) - fourth) < 5 * math.sqrt(105 / z.numel())


def test_spherical_noise_has_length_1_and_no_preferred_direction():
    z = _draw("spherical")
    torch.testing.assert_close(z.norm(dim=1), torch.ones(N, dtype=torch.float64), rtol=1e-6, atol=0)
    # One coordinate of a uniform direction in d dimensions has variance 1/d.
    assert float(z.mean(0).abs().max()) < 5 * math.sqrt(1 / 5 / N)


def test_equal_seeds_give_equal_bits_and_others_do_not():
    assert torch.equal(_draw("gaussian"), _draw("gaussian"))
    assert not torch.equal(_draw("gaussian"), _draw("gaussian", seed=1))


def test_unknown_noise_is_refused_with_the_list():
    with pytest.raises(ValueError, match=r"'normal'; accepted: 'uniform', 'gaussian', 'spherical'"):
        Noise("normal", 5)
    with pytest.raises(ValueError, match="noise_dimension is 0"):
        Noise("uniform", 0)
