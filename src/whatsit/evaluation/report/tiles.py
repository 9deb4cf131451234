"""The key figures on top of the page: a name, a value, its interval, and one line that gives it meaning."""

from dataclasses import dataclass

from markupsafe import Markup

from whatsit.evaluation.figures import Figure
from whatsit.evaluation.report.charts.whisker import whisker
from whatsit.evaluation.report.content import Report
from whatsit.evaluation.report.headline import aside
from whatsit.evaluation.report.words import count, interval, most_common, out_of_100, percent, points, quoted


@dataclass(frozen=True)
class Tile:
    """One key figure, in words."""

    name: str
    value: str
    note: str
    interval: str = ""
    chart: Markup | None = None


def tiles(report: Report) -> list[Tile]:
    """Those that this report has."""
    found = [_accuracy(report), _without_leaks(report), _balanced(report), _macro_f1(report)]
    found += [_calibration(report), _unsure(report), _roc(report), _foreign(report)]
    return [tile for tile in found if tile]


def _share(key: str, name: str, figure: Figure, note: str) -> Tile:
    return Tile(name, percent(figure.value), note, interval(figure), whisker(key, name, figure))


def _accuracy(report: Report) -> Tile:
    name, share = most_common(report.evaluation)
    note = f"Always saying {quoted(name)} would be right {out_of_100(share)} times out of 100."
    return _share("accuracy", "Accuracy", report.evaluation.accuracy, note)


def _without_leaks(report: Report) -> Tile | None:
    if not report.without_leaks:
        return None
    name = "Accuracy on the other photos" if report.seen.unknown else "Accuracy on new photos"
    note = f"Left aside: {aside(report.seen)}. The figure to quote."
    return _share("clean", name, report.without_leaks.accuracy, note)


def _balanced(report: Report) -> Tile:
    note = "The mean over classes of how many are found: small classes count as much as large ones."
    return _share("balanced", "Balanced accuracy", report.evaluation.balanced_accuracy, note)


def _macro_f1(report: Report) -> Tile:
    note = "The mean over classes of F1, which weighs missed photos and false alarms alike."
    return _share("macro-f1", "Macro F1", report.evaluation.macro_f1, note)


def _calibration(report: Report) -> Tile:
    evaluation, before = report.evaluation, report.before_calibration_ece
    chance = f"Up to {100 * evaluation.ece_by_chance:.1f} would be chance with so many photos."
    note = chance if before is None else f"{100 * before:.1f} before calibration. {chance}"
    return Tile("Probabilities are off by", points(evaluation.ece), note)


def _unsure(report: Report) -> Tile | None:
    unsure = report.unsure
    if not unsure:
        return None
    note = f"It answers {percent(unsure.coverage)} of the photos, and says “unsure” to the others."
    if unsure.unlike:
        note += f" {unsure.unlike:,} of {count(unsure.n, 'photo')} {_are(unsure.unlike)} unlike the training photos."
    if not unsure.accuracy:
        return Tile("Right when it answers", "no answer", note)
    return _share("answered", "Right when it answers", unsure.accuracy, note)


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _roc(report: Report) -> Tile | None:
    area = report.evaluation.roc_auc
    if not area:
        return None
    note = "How well it ranks: 0.5 is guessing, 1 is perfect."
    drawn = whisker("area", "Area under the ROC curve", area)
    return Tile("Area under ROC", f"{area.value:.3f}", note, f"{area.low:.3f} to {area.high:.3f}", drawn)


def _foreign(report: Report) -> Tile | None:
    foreign = report.foreign
    if not foreign:
        return None
    note = (
        f"Of {foreign.n:,} photos of {foreign.source}, where 95 % of the known ones are kept. "
        f"Area under ROC {foreign.auroc:.3f}."
    )
    return Tile("Foreign photos refused", percent(1 - foreign.fpr_at_95_tpr), note)
