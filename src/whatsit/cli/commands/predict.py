"""`whatsit predict`."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.answers import (
    Csv,
    Format,
    Parquet,
    Summary,
    file_format,
    on_stdout,
    shown_format,
    to_file,
    write_answers,
)
from whatsit.cli.options import (
    GroupedCommand,
    described,
    device_option,
    json_option,
    own,
    plain_cells_option,
    take,
)
from whatsit.errors import ImageError, WhatsitError
from whatsit.images.limits import Limits
from whatsit.model.format import FILES, check_not_within
from whatsit.model.load import IMAGENET, load

if TYPE_CHECKING:
    from whatsit.model.classifier import Classifier
    from whatsit.model.prediction import Prediction

IN_A_MODEL = (FILES.facts, FILES.graph)  # either tells a model folder, so that a damaged one is told, too
LONGEST_STEM = 80  # signs of a photo's name that the name of its heat map keeps
IMAGENET_TOP = 5


@click.command(
    name="predict",
    cls=GroupedCommand,
    epilog="Examples: whatsit predict pets-model new/*.jpg | whatsit predict pets-model new/ --json | "
    "find . -name '*.jpg' | whatsit predict pets-model - | whatsit predict photo.jpg",
)
@click.argument("paths", nargs=-1, required=True, metavar="[MODEL] PATH...")
@own(
    "--top",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Number of classes to show for each photo.",
    in_words="1; 5 for ImageNet and --json",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@own(
    "-o",
    "--output",
    metavar="FILE",
    help="File to write. Its ending is the format: .csv, .json, .jsonl, .parquet or .txt.",
    in_words="print",
)
@own("--force", is_flag=True, help="Replace the file if it exists.")
@partial(plain_cells_option, expose_value=True)
@own(
    "--explain",
    metavar="DIR",
    help="Folder to write heat maps into: which parts of a photo made the answer.",
    in_words="none are written",
)
@device_option
@described(Limits, "predict")
def command(
    paths: tuple[str, ...],
    top: int | None,
    as_json: bool,
    as_csv: bool,
    output: str | None,
    force: bool,
    plain_cells: bool,
    explain: str | None,
    device: str | None,
    **values: Any,
) -> None:
    """Classify photos: files, folders, patterns such as '*.jpg', or - for a list of paths on stdin.

    MODEL is a model folder from 'whatsit train'. Without it, photos are classified into the 1000 classes of ImageNet.
    """
    if as_json and as_csv:
        raise click.UsageError("give either --json or --csv")
    if output and (as_json or as_csv):
        raise click.UsageError("--output says the format by its ending: leave --json and --csv out")
    if force and not output:
        raise click.UsageError("--force has no effect without --output")
    model, images = _model_and_images(paths)
    shown = top or (IMAGENET_TOP if model == IMAGENET else 1)
    if output:
        from whatsit.files import check_file

        form: Format | Parquet = file_format(Path(output), shown)
        check_file(Path(output), overwrite=force)
    else:
        form = shown_format(shown, as_json=as_json, as_csv=as_csv)
    if plain_cells and not isinstance(form, Csv):
        raise click.UsageError("--plain-cells has no effect without CSV")
    _check_folders(images)
    classifier = load(model, device=device or "cpu", limits=take(values, Limits))
    closed: dict[str, str] = {}
    asked = _expand(images, closed)
    if classifier.limits.page == "all":
        asked = _each_page(asked)
    answers = classifier.predict_each(_few_or_stream(asked), top=top or IMAGENET_TOP)
    if explain:
        answers = _explained(classifier, answers, Path(explain))
    summary = Summary()
    counted = summary.count(_with_folders(answers, closed))
    if isinstance(form, Parquet):
        form.write(counted, Path(output or ""), overwrite=force)
    else:
        with to_file(Path(output), overwrite=force) if output else on_stdout(form) as write:
            write_answers(counted, form, write)
    if output or summary.photos > 1:
        click.echo(f"{summary}{f'; written to {Path(output)}' if output else ''}", err=True)
    for note in summary.notes:
        click.echo(note, err=True)
    if summary.failed:
        sys.exit(1)


def _model_and_images(paths: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The first path is a model where it is a model folder, or is no file and others follow."""
    name, rest = paths[0], paths[1:]
    check_not_within(Path(name))
    is_model = any((Path(name) / file).exists() for file in IN_A_MODEL) or (rest and name == IMAGENET)
    if not (is_model or (rest and _names_no_photo(name))):
        return IMAGENET, paths
    if not rest:
        raise click.UsageError(f"no photos to look at. Try: whatsit predict {paths[0]} PHOTO...")
    return paths[0], rest


def _names_no_photo(name: str) -> bool:
    """Whether it is neither a file or folder, nor a pattern, URI or list of photos, nor spelled like a photo."""
    from whatsit.data.readers.files import IMAGE_SUFFIXES
    from whatsit.images.source import split_page

    name = split_page(name)[0]
    listed = name == "-" or "://" in name or glob.has_magic(name) or name.lower().endswith(IMAGE_SUFFIXES)
    return not listed and not Path(name).exists()


def _check_folders(paths: Iterable[str]) -> None:
    """Raises WhatsitError, before anything is answered, for a folder without photos."""
    for path in paths:
        if Path(path).is_dir() and not any(_photos_in(path, {})):
            raise WhatsitError(f"{path}: no images found in this folder or below it")


def _photos_in(folder: str, closed: dict[str, str]) -> Iterator[str]:
    """As in training: files that are photos by content or by name, hidden ones passed over.

    A folder that cannot be listed comes in its place; `closed` gets it with the reason.
    """
    from whatsit.data.readers.files import Tally, images_below

    unlisted: dict[str, str] = {}
    for path in images_below(folder, Tally(), set(), unlisted):
        name = str(Path(path))
        if path in unlisted:
            closed[name] = unlisted[path]
        yield name


def _with_folders(answers: Iterable["Prediction"], closed: dict[str, str]) -> Iterator["Prediction"]:
    """The row of a folder that could not be listed says why."""
    for answer in answers:
        yield replace(answer, error=closed[answer.path]) if answer.path in closed else answer


def _expand(paths: Iterable[str], closed: dict[str, str]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from (os.fsdecode(name) for line in sys.stdin.buffer if (name := line.rstrip(b"\r\n")).strip())
        elif Path(path).is_dir():
            yield from _photos_in(path, closed)
        elif glob.has_magic(path) and not Path(path).exists():
            found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 (an absolute pattern is no Path's)
            yield from found or [path]
        else:
            yield path


def _each_page(paths: Iterable[str]) -> Iterator[str]:
    from whatsit.images.source import page_names

    for path in paths:
        yield from page_names(path)


def _few_or_stream(paths: Iterator[str]) -> Iterable[str]:
    """A short list as a list, so that one photo gets all cores."""
    from whatsit.model.classifier import FEW

    first = list(islice(paths, FEW + 1))
    return first if len(first) <= FEW else chain(first, paths)


def _explained(classifier: "Classifier", answers: Iterable["Prediction"], folder: Path) -> Iterator["Prediction"]:
    """Writes `<number>-<name>.jpg` a photo; numbers keep apart photos of the same name."""
    from whatsit.files import plain_os_errors
    from whatsit.model.prediction import Prediction

    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number, answer in enumerate(answers, start=1):
        if answer.error is not None:
            yield answer
            continue
        try:
            overlay = classifier.explain(answer.path, answer.label).overlay()
        except ImageError as error:  # it has gone since
            yield Prediction(answer.path, error=str(error))
            continue
        file = folder / f"{number:04d}-{Path(answer.path).stem[:LONGEST_STEM]}.jpg"
        with plain_os_errors(file):
            overlay.save(file, quality=90)
        yield answer
