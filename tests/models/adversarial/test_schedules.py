import pytest
import torch
from ganbench_models.adversarial.momentum import Momentum, limit_norms_
from ganbench_models.adversarial.schedules import LearningRateDecay, MomentumRamp


@pytest.mark.parametrize(
    ("epoch", "momentum"), [(0, 0.5), (1, 0.5 + 0.2 / 249), (49, 0.5 + 0.2 * 49 / 249), (249, 0.7), (300, 0.7)]
)
def test_momentum_grows_linearly_until_epoch_249(epoch, momentum):
    assert MomentumRamp(0.5, 0.7, 249).at(epoch) == pytest.approx(momentum, abs=1e-15)


def test_learning_rate_decays_per_update_and_stops_at_the_minimum():
    schedule, rate = LearningRateDecay(0.1, 1.000004, 1e-6), 0.1
    assert schedule.after(0) == 0.1
    for updates in range(1, 2001):
        rate /= 1.000004
        # Every division errs by at most 2^-53.
        assert schedule.after(updates) == pytest.approx(rate, rel=2 * updates * 2**-53 + 1e-15)
    assert schedule.after(173_287) == pytest.approx(0.05, rel=1e-5)
    assert schedule.after(100_000_000) == 1e-6


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: MomentumRamp(-0.1, 0.7, 249), "initial_momentum"),
        (lambda: MomentumRamp(0.5, 1.2, 249), "final_momentum"),
        (lambda: MomentumRamp(0.5, 0.7, 0), "momentum_saturation_epoch"),
        (lambda: LearningRateDecay(0, 1.0, 0.0), "learning_rate"),
        (lambda: LearningRateDecay(0.1, 0.99, 0.0), "learning_rate_decay"),
        (lambda: LearningRateDecay(0.1, 1.0, -1), "minimum_learning_rate"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(build, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        build()


def test_updates_follow_a_loop_in_plain_python():
    schedule, ramp = LearningRateDecay(0.1, 1.01, 1e-6), MomentumRamp(0.5, 0.7, 2)
    theta, velocity = [1.0, -2.0, 0.25], [0.0, 0.0, 0.0]
    parameter = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    optimiser = Momentum([parameter])
    for t in range(12):
        rate, momentum = schedule.after(t), ramp.at(t // 4)
        gradient = [3 * x - 1 for x in theta]
        velocity = [momentum * v - rate * g for v, g in zip(velocity, gradient, strict=True)]
        optimiser.decay(momentum)
        (1.5 * parameter.square() - parameter).backward(torch.full_like(parameter, -rate))
        optimiser.advance()
        theta = [x + v for x, v in zip(theta, velocity, strict=True)]
        assert parameter.tolist() == pytest.approx(theta, rel=1e-13)
        assert optimiser.velocities[0].tolist() == pytest.approx(velocity, rel=1e-12)


def test_rows_above_the_limit_are_scaled_to_it_and_others_are_left():
    weights = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], dtype=torch.float64)
    limit_norms_(weights, 2.0)
    expected = [[3 * 2 / (5 + 1e-7), 4 * 2 / (5 + 1e-7)], [0.3 * 0.5 / (0.5 + 1e-7), 0.4 * 0.5 / (0.5 + 1e-7)], [0, 0]]
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=0)


def test_the_limit_acts_after_the_update_and_spares_biases():
    weight, bias = torch.zeros(2, 4), torch.zeros(2)
    optimiser = Momentum([weight, bias], 1.5, [weight])
    for velocity in optimiser.velocities:
        velocity.fill_(10.0)
    optimiser.advance()
    assert weight.norm(dim=1).tolist() == pytest.approx([1.5, 1.5], rel=1e-6)
    assert bias.tolist() == pytest.approx([10, 10], rel=1e-6)
