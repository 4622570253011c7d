import pytest
import torch

from hyp.errors import HypError
from hyp.models.backbones import build_backbone


def test_torchvision_network_has_the_asked_outputs():
    assert build_backbone("resnet18", 17).fc.out_features == 17


def test_unknown_name_offers_close_ones():
    with pytest.raises(HypError, match="resnet18"):
        build_backbone("resnet81", 3)


def test_detectors_are_no_backbones():
    with pytest.raises(HypError, match="unknown backbone"):
        build_backbone("fasterrcnn_resnet50_fpn", 3)


def test_users_function():
    model = build_backbone("tiny_networks:tiny", 5)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 5)


@pytest.mark.parametrize(
    "name", ["no_such_package:tiny", "tiny_networks:no_such_function", "math:floor:x", ":f"]
)
def test_users_function_that_cannot_be_imported(name):
    with pytest.raises(HypError, match="cannot be imported"):
        build_backbone(name, 5)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d"])
def test_a_resnet_by_width_is_torchvisions_with_a_quarter_of_the_channels(name):
    with torch.device("meta"):
        full, narrow = build_backbone(name, 17), build_backbone(f"{name}@16", 17)
    shapes = {key: tuple(value.shape) for key, value in full.state_dict().items()}
    kept = {("conv1.weight", 1), ("fc.weight", 0), ("fc.bias", 0)}
    for key, value in narrow.state_dict().items():
        full_shape = shapes.pop(key)
        quarter = tuple(
            size if axis > 1 or (key, axis) in kept else size // 4
            for axis, size in enumerate(full_shape)
        )
        assert tuple(value.shape) == quarter, key
    assert not shapes
    assert [*dict(full.named_modules())] == [*dict(narrow.named_modules())]


def test_a_narrow_resnet_starts_as_torchvisions_do_and_runs():
    torch.manual_seed(0)
    network = build_backbone("resnet18@16", 5).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    assert sum(p.numel() for p in network.parameters()) == 702_741  # counted by hand
    conv = network.layer4[1].conv2.weight
    assert float(conv.detach().std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert (network.bn1.weight == 1).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18@0", "whole number above 0"),
        ("resnet18@016", "whole number above 0"),
        ("resnet18@", "whole number above 0"),
        ("resnet18@half", "whole number above 0"),
        ("resnet18@64", "is resnet18 itself; leave out @64"),
        ("resnet81@16", "did you mean resnet18"),
        ("vit_b_16@16", "vit_b_16 comes in one width"),
        ("resnext50_32x4d@24", "32 groups; choose a width that 16 divides"),
        ("resnext101_32x8d@12", "32 groups; choose a width that 8 divides"),
    ],
)
def test_widths_that_there_are_not(name, message):
    with pytest.raises(HypError, match=message):
        build_backbone(name, 3)
