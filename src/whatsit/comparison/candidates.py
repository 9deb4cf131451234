"""What is compared: names, as they are typed, and options. It teaches nothing."""

from collections.abc import Mapping
from dataclasses import replace

from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.options import TrainOptions
from whatsit.steps.build import check_extra, check_networks
from whatsit.steps.show import check

PROBE = TrainOptions()
CANDIDATES = {
    "probe": PROBE,
    "probe --image-size 300": replace(PROBE, image_size=(300, 300)),
    "probe --head svm": replace(PROBE, head="svm"),
    "probe --head knn": replace(PROBE, head="knn"),
    "scratch": replace(PROBE, method="scratch"),
    "finetune": replace(PROBE, method="finetune"),
}
"""Every method once, as it comes."""

# What decides which photos there are, how they look, and who learns and who chooses.
COMMON = ("valid", "test", "seed", "limits", "value_range")


def default_candidates() -> dict[str, TrainOptions]:
    """Those that can be taught here: probes alone where the extra `networks` is not installed."""
    try:
        check_extra()
    except MissingExtraError:
        return {name: options for name, options in CANDIDATES.items() if options.method == "probe"}
    return dict(CANDIDATES)


def check_candidates(candidates: Mapping[str, TrainOptions]) -> None:
    """Before long work: raises WhatsitError where there is none, or one has its own splits or cannot be taught here."""
    if not candidates:
        raise WhatsitError("nothing to compare. Give candidates, as {'probe': TrainOptions()}")
    first, common = next(iter(candidates.items()))
    for name, options in candidates.items():
        for option in COMMON:
            here, there = getattr(options, option), getattr(common, option)
            if here != there:
                raise WhatsitError(
                    f"{name}: {option} is {here}, and {there} for {first}. Candidates are compared on the same photos: "
                    "give all the same"
                )
    for options in candidates.values():
        check(options)
        if options.method != "probe":
            check_networks(options)
