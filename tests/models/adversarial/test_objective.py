import math

import pytest
import torch
from ganbench_models.adversarial.objective import (
    GENERATOR_LOSSES,
    discriminator_gradient,
    discriminator_objective,
    generator_gradient,
    generator_objective,
)

REAL = torch.tensor([0.3, -1.2, 2.5], dtype=torch.float64)
FAKE = torch.tensor([-0.4, 0.9], dtype=torch.float64)


def _d(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_discriminator_objective_is_half_of_the_sum_of_mean_logarithms():
    real = sum(-math.log(_d(a)) for a in REAL.tolist()) / 3
    fake = sum(-math.log(1 - _d(a)) for a in FAKE.tolist()) / 2
    assert float(discriminator_objective(REAL, FAKE)) == pytest.approx((real + fake) / 2, rel=1e-12)


def test_an_undecided_discriminator_costs_log_2():
    zeros = torch.zeros(7)
    assert float(discriminator_objective(zeros, zeros)) == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "cost"), [("non-saturating", lambda d: -math.log(d)), ("minimax", lambda d: math.log(1 - d))]
)
def test_generator_objective_has_no_half(loss, cost):
    expected = sum(cost(_d(a)) for a in FAKE.tolist()) / 2
    assert float(generator_objective(FAKE, loss)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("extreme", [False, True])
def test_gradients_are_those_of_automatic_differentiation(extreme):
    real, fake = ((logits * (40 if extreme else 1)).requires_grad_() for logits in (REAL, FAKE))
    close = {"rtol": 1e-12, "atol": 0}
    expected = torch.autograd.grad(discriminator_objective(real, fake), (real, fake))
    for mine, other in zip(discriminator_gradient(real.detach(), fake.detach()), expected, strict=True):
        torch.testing.assert_close(mine, other, **close)
    for loss in GENERATOR_LOSSES:
        (other,) = torch.autograd.grad(generator_objective(fake, loss), fake)
        torch.testing.assert_close(generator_gradient(fake.detach(), loss), other, **close)


def test_only_the_minimax_gradient_vanishes_for_a_sure_discriminator():
    sure = torch.tensor([-30.0], requires_grad=True)
    (kept,) = torch.autograd.grad(generator_objective(sure, "non-saturating"), sure)
    (lost,) = torch.autograd.grad(generator_objective(sure, "minimax"), sure)
    assert float(kept) == pytest.approx(-1)
    assert -1e-12 < float(lost) < 0


def test_objectives_stay_finite_at_extreme_logits():
    extreme = torch.tensor([-1e4, 1e4])
    assert discriminator_objective(extreme, extreme).isfinite()
    assert generator_objective(extreme, "minimax").isfinite()
