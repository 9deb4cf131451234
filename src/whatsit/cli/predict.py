"""`whatsit predict`."""

import csv
import glob
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whatsit.cli.shared import device_option, json_option, limit_options, limits

if TYPE_CHECKING:
    from whatsit.model.classifier import Classifier
    from whatsit.model.prediction import Prediction

IMAGENET = "imagenet"
FACTS = "model.json"  # what tells a model folder
IMAGENET_TOP = 5


@click.command(
    name="predict",
    epilog="Examples: whatsit predict pets-model new/*.jpg | whatsit predict pets-model new/ --json | "
    "find . -name '*.jpg' | whatsit predict pets-model - | whatsit predict photo.jpg",
)
@click.argument("paths", nargs=-1, required=True, metavar="[MODEL] PATH...")
@click.option("--top", type=click.IntRange(1), default=None, help="Classes to show (default: 1; ImageNet: 5).")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--explain", metavar="DIR", help="Write each photo with a heat map of the evidence.")
@device_option
@limit_options
def command(
    paths: tuple[str, ...],
    top: int | None,
    as_json: bool,
    as_csv: bool,
    explain: str | None,
    device: str,
    max_bytes: int,
    max_pixels: int,
) -> None:
    """Say what is on photos: files, folders, globs, or - for a list of paths on stdin.

    MODEL is a model folder from 'whatsit train'. Without one, the 1000 classes of ImageNet answer.
    """
    from whatsit.model.load import load

    model, images = _model_and_images(paths)
    classifier = load(model, device=device, limits=limits(max_bytes, max_pixels))
    shown = top or (IMAGENET_TOP if model == IMAGENET else 1)
    answers = classifier.predict_each(_few_or_stream(_expand(images)), top=top or IMAGENET_TOP)
    printed = _explained(classifier, answers, Path(explain)) if explain else answers
    printer = _print_json if as_json else _print_csv if as_csv else _print_table
    if printer(printed, shown):
        sys.exit(1)


def _model_and_images(paths: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The first path is a model where it is a model folder, or is no file and others follow."""
    first, rest = Path(paths[0]), paths[1:]
    is_model = (first / FACTS).exists() or (rest and paths[0] == IMAGENET)
    meant_as_model = (
        rest and not first.suffix and not first.exists() and not glob.has_magic(paths[0]) and paths[0] != "-"
    )
    if not (is_model or meant_as_model):
        return IMAGENET, paths
    if not rest:
        raise click.UsageError(f"no photos to look at. Try: whatsit predict {paths[0]} PHOTO...")
    return paths[0], rest


def _expand(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        elif Path(path).is_dir():
            yield from (str(p) for p in sorted(Path(path).rglob("*")) if p.is_file() and not _hidden(p, Path(path)))
        elif glob.has_magic(path) and not Path(path).exists():
            yield from sorted(glob.glob(path, recursive=True))  # noqa: PTH207 (an absolute pattern is no Path's) or [path]
        else:
            yield path


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _few_or_stream(paths: Iterator[str]) -> Iterable[str]:
    """A short list as a list, so that one photo gets all cores."""
    first = [path for _, path in zip(range(5), paths, strict=False)]
    return first if len(first) < 5 else _chain(first, paths)


def _chain(first: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def _print_json(answers: Iterable["Prediction"], top: int) -> int:
    failed = 0
    for answer in answers:
        failed += answer.error is not None
        click.echo(json.dumps(answer.to_dict(), ensure_ascii=False))
    return failed


def _print_csv(answers: Iterable["Prediction"], top: int) -> int:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["path", "label", "probability", "unsure", "error"])
    failed = 0
    for answer in answers:
        failed += answer.error is not None
        if answer.error is not None:
            writer.writerow([answer.path, "", "", "", answer.error])
        else:
            writer.writerow([answer.path, answer.label, f"{answer.probability:.6f}", answer.unsure, ""])
    return failed


def _print_table(answers: Iterable["Prediction"], top: int) -> int:
    failed = 0
    for answer in answers:
        failed += answer.error is not None
        for line in _lines(answer, top):
            click.echo(line)
    return failed


def _lines(answer: "Prediction", top: int) -> list[str]:
    if answer.error is not None:
        return [f"{answer.path}: error: {answer.error}"]
    note = "" if not answer.unsure else "  unsure" if answer.familiar else "  unsure: unlike the training photos"
    first, *others = [f"{c.probability:6.1%}  {c.label}" for c in answer.top[:top]]
    return [f"{answer.path}  {first}{note}", *(f"{'':{len(answer.path)}}  {other}" for other in others)]


def _explained(classifier: "Classifier", answers: Iterable["Prediction"], folder: Path) -> Iterator["Prediction"]:
    """Writes `<number>-<name>.jpg` a photo; numbers keep apart photos of the same name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, answer in enumerate(answers, start=1):
        if answer.error is None:
            overlay = classifier.explain(answer.path, answer.label).overlay()
            overlay.save(folder / f"{number:04d}-{Path(answer.path).stem}.jpg", quality=90)
        yield answer
