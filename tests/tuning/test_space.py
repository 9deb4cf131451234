"""The space: defaults are in it, and what a network does not take is not. And the command that says a trial again."""

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.cli.commands.train import command as train
from whatsit.cli.options import take, take_training
from whatsit.config import NetworkOptions, ReadOptions, TrainOptions
from whatsit.errors import WhatsitError
from whatsit.images.limits import Limits
from whatsit.training.tune.space import Choice, Rate, Space, space_of
from whatsit.training.tune.summary import train_command

PLACES = ("data", "max_bytes", "max_pixels")
SCRATCH, FINETUNE = TrainOptions(method="scratch"), TrainOptions(method="finetune")


def space(options: TrainOptions, search: tuple[str, ...] | None = None, photos: int = 1000) -> Space:
    return space_of(search, options, 3, photos, "squash")


@pytest.mark.parametrize("options", [SCRATCH, FINETUNE], ids=["scratch", "finetune"])
def test_the_defaults_are_in_the_space(options: TrainOptions) -> None:
    found = space(options)
    for name, values in found.ranges.items():
        default = found.defaults[name]
        inside = default in values.values if isinstance(values, Choice) else values.low < float(default) < values.high
        assert inside, name


def test_what_each_method_searches() -> None:
    both = {"learning_rate", "batch_size", "image_size", "augment"}
    assert set(space(SCRATCH).ranges) == both | {"weight_decay"}
    assert set(space(FINETUNE).ranges) == both | {"unfreeze"}


def test_image_sizes_are_multiples_that_the_network_takes() -> None:
    sizes = space(SCRATCH).ranges["image_size"]
    assert sizes == Choice(("64x64", "96x96", "128x128", "192x192"))
    deep = replace(SCRATCH, network=NetworkOptions(architecture="cnn-boats", layers=(8,) * 3))
    boats = space(replace(deep, image_size=(64, 96))).ranges["image_size"]
    assert isinstance(boats, Choice)
    assert "64x96" in boats.values
    assert "32x48" not in boats.values  # three unpadded layers of 5 pixels leave nothing of it


def test_few_photos_have_no_large_batches() -> None:
    assert space(SCRATCH, photos=300).ranges["batch_size"] == Choice((16, 32, 64))
    assert "batch_size" not in space(SCRATCH, photos=40).ranges


def test_a_classic_without_weight_decay_searches_none() -> None:
    assert "weight_decay" not in space(replace(SCRATCH, network=NetworkOptions(architecture="cnn-cats-dogs"))).ranges


def test_values_become_options() -> None:
    found = space(SCRATCH)
    values = {**found.defaults, "image_size": "64x96", "learning_rate": 0.00123456}
    options = found.options(values, SCRATCH)
    assert options.image_size == (64, 96)
    assert (options.network.learning_rate, options.network.batch_size) == (0.00123, 32)


def test_what_cannot_be_searched_is_named() -> None:
    with pytest.raises(WhatsitError, match="'unfreeze' for scratch"):
        space(SCRATCH, ("unfreeze",))
    with pytest.raises(WhatsitError, match="nothing is left"):
        space(SCRATCH, ())


def parsed(line: str) -> TrainOptions:
    """What `whatsit train` makes of a command."""
    words = shlex.split(line)
    assert words[:2] == ["whatsit", "train"]
    with train.make_context("train", words[2:], help_option_names=[]) as context:  # click keeps the first ones
        options = dict(context.params)
        for name in (
            *("output", "force", "valid_data", "test_data", "label_dict"),
            *("embeddings", "cache", "as_json", "resume", "keep_checkpoint"),
        ):
            options.pop(name)
        assert options.pop("data") == ("my photos",)
        assert take(options, ReadOptions) == ReadOptions()
        return take_training(options)


@given(
    network=st.builds(
        NetworkOptions,
        layers=st.none() | st.just((8, 16)),
        dense=st.none() | st.sampled_from([(), (32,)]),
        epochs=st.none() | st.integers(1, 99),
        batch_size=st.integers(1, 512),
        learning_rate=st.none() | st.floats(1e-6, 1),
        augment=st.none() | st.sampled_from(["none", "hflip,rotation=15"]),
        averaging=st.none() | st.booleans(),
        max_seconds=st.none() | st.just(90.0),
    ),
    size=st.none() | st.tuples(st.integers(8, 300), st.integers(8, 300)),
    balance=st.booleans(),
    seed=st.integers(0, 9),
    most=st.integers(1, 10**9),
)
def test_the_command_asks_for_the_same_options(
    network: NetworkOptions, size: tuple[int, int] | None, balance: bool, seed: int, most: int
) -> None:
    options = replace(
        SCRATCH, network=network, image_size=size, balance=balance, seed=seed, limits=Limits(max_pixels=most)
    )
    assert parsed(train_command("'my photos'", options)) == options


def test_what_only_python_can_set_is_a_comment() -> None:
    network = NetworkOptions(cosine=True, warm_up=0.25, max_seconds=90.0)
    command = train_command("photos", replace(SCRATCH, network=network))
    assert command.endswith(" --max-time 90.0 # and warm_up=0.25 in Python # and cosine=True in Python")


def test_fine_tuning_is_said_again() -> None:
    network = NetworkOptions(unfreeze="head", frozen_norms=False, probe_first=False)
    options = TrainOptions(
        method="finetune",
        backbone="timm:vit",
        weights="w b.safetensors",
        near_copies="ignore",
        group_by_name="always",
        network=network,
    )
    assert parsed(train_command("'my photos'", options)) == options


def test_rates_are_around_the_default() -> None:
    rate = space(FINETUNE).ranges["learning_rate"]
    assert rate == Rate(6.67e-5, 0.02)
