"""Feature spaces of trained networks: programs of users, and Inception v3 with weights made here."""

from __future__ import annotations

import pytest
import torch
from torch.export import Dim, export, save

from ganbench.errors import DataError, UsageError
from ganbench.metrics import pretrained
from ganbench.metrics.remembering import _memory
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.registry.metrics import find_metric


class _Scaled(torch.nn.Module):
    """Pixels times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        return examples.flatten(1) * self.factor


class _Summed(torch.nn.Module):
    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        return examples.flatten(1).sum(1)


def _write(module: torch.nn.Module, path, *shape: int) -> str:
    save(export(module, (torch.zeros(2, *shape),), dynamic_shapes=({0: Dim("n")},)), path)
    return str(path)


@pytest.fixture(scope="module")
def doubled(tmp_path_factory) -> str:
    return _write(_Scaled(2.0), tmp_path_factory.mktemp("programs") / "doubled.pt2", 4, 4)


def test_a_program_maps_examples_in_parts_as_at_once(doubled):
    examples = torch.rand(2 * pretrained._AT_ONCE + 7, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(feature_space(doubled)(examples), 2 * examples.flatten(1))
    assert (space_needs(doubled), space_files(doubled)) == ((), (doubled,))
    (finding,) = space_findings(doubled, test=examples)
    assert (finding.code, finding.severity) == ("feature-space", "note")
    assert "doubled.pt2, sha256" in finding.text


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [(_Summed(), (4, 4), r"makes \[5\] of examples"), (_Scaled(1.0), (3, 3), "fails on examples")],
)
def test_a_program_of_other_shapes_is_refused(module, shape, message, tmp_path):
    path = _write(module, tmp_path / "other.pt2", *shape)
    with pytest.raises(DataError, match=message):
        feature_space(path)(torch.rand(5, 4, 4))


def test_what_is_no_program_is_refused(tmp_path):
    path = tmp_path / "other.pt2"
    path.write_bytes(b"not a zip file")
    with pytest.raises(DataError, match=r"cannot be read .* torch\.export\.save"):
        feature_space(str(path))


def test_a_score_depends_on_the_content_of_a_program(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "features.pt2").write_bytes(content)
    hashes = [find_metric(f"kid[space={tmp_path}/{name}/features.pt2]").depends_on for name in "abc"]
    assert hashes[0] == hashes[2] != hashes[1]
    with pytest.raises(UsageError, match=r"reads .*absent\.pt2, which cannot be read"):
        find_metric("kid[space=absent.pt2]")
    with pytest.raises(UsageError, match="or the file of a program"):
        find_metric("kid[space=features.pth]")


@pytest.fixture
def random_weights(monkeypatch, tmp_path):
    """Weights of the right shapes in torch's cache, taken for the published ones."""
    from torchvision.models import Inception_V3_Weights, inception_v3

    torch.manual_seed(0)
    state = inception_v3(init_weights=False).state_dict()
    (tmp_path / "checkpoints").mkdir()
    name = Inception_V3_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    torch.save(state, tmp_path / "checkpoints" / name)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    yield state
    _memory.clear()


def test_inception_is_torchvisions_network_before_its_last_layer(random_weights):
    from torchvision.models import Inception_V3_Weights, inception_v3
    from torchvision.transforms import Resize

    network = inception_v3(init_weights=False, transform_input=False)
    network.load_state_dict(random_weights)
    network.eval()
    averages = []
    network.avgpool.register_forward_hook(lambda module, given, result: averages.append(result.flatten(1)))
    images = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(1))
    grey = Resize([299, 299], antialias=True)(images[:, None]).expand(-1, 3, -1, -1)
    of_weights = Inception_V3_Weights.IMAGENET1K_V1.transforms()
    mean, deviation = (torch.tensor(numbers)[:, None, None] for numbers in (of_weights.mean, of_weights.std))
    with torch.no_grad():
        network((grey - mean) / deviation)
    found = feature_space("inception")(images)
    assert found.shape == (3, 2048)
    torch.testing.assert_close(found, averages[0])
    torch.testing.assert_close(feature_space("inception")(images[:, None].expand(-1, 3, -1, -1)), averages[0])
    (finding,) = space_findings("inception", test=images)
    assert "not comparable with published distances" in finding.text


def test_inception_without_weights_says_what_to_do(monkeypatch, tmp_path):
    from torchvision.models import Inception_V3_Weights

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(Inception_V3_Weights, "get_state_dict", offline)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(DataError, match=r"no network.*Put inception_v3_google-.*checkpoints"):
        feature_space("inception")(torch.rand(2, 8, 8))


@pytest.mark.parametrize("examples", [torch.rand(3, 5), torch.rand(3, 2, 8, 8), torch.rand(3, 8, 8) - 0.5])
def test_inception_takes_images_only(examples):
    with pytest.raises(DataError, match="needs images"):
        feature_space("inception")(examples)
