"""The study: what is tried next, what is given up, and what is left after a kill at any moment."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tuning.made import BEGUN, SPACE, opened
from whatsit.errors import WhatsitError
from whatsit.training.tune.space import Values
from whatsit.training.tune.study import Study

pytestmark = pytest.mark.slow


def search(study: Study, trials: int) -> list[Values]:
    """Runs trials whose loss is ten times their learning rate; gives what was tried."""
    tried = []
    while asked := study.ask(trials):
        tried.append(asked.values)
        study.complete(asked.number, 10 * float(asked.values["learning_rate"]), {})
    return tried


def test_the_first_trial_has_the_defaults(tmp_path: Path) -> None:
    study = opened(tmp_path)
    assert search(study, 3)[0] == SPACE.defaults
    assert [row.defaults for row in study.rows()] == [True, False, False]


def test_equal_seeds_try_the_same_and_others_do_not(tmp_path: Path) -> None:
    first, again, other = (search(opened(tmp_path / name, seed), 9) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first == again
    assert first != other
    assert len({str(values) for values in first}) == 9
    assert first[-1] == {"learning_rate": pytest.approx(0.07651828245), "augment": "light"}  # of Optuna 4.9 and 5.0


def test_a_search_that_was_broken_off_tries_what_it_would_have_tried(tmp_path: Path) -> None:
    whole = search(opened(tmp_path / "whole"), 10)
    study = opened(tmp_path / "parts")
    first = search(study, 3)
    asked = study.ask(10)
    study.close()  # as when its process is gone
    study = opened(tmp_path / "parts")
    assert first + search(study, 10) == whole
    assert asked is not None
    assert asked.number not in [row.number for row in study.rows()]
    assert len(study.rows()) == 10


def test_a_trial_that_was_broken_off_goes_on_in_its_folder(tmp_path: Path) -> None:
    study = opened(tmp_path)
    before = study.ask(1)
    study.close()
    study = opened(tmp_path)
    after = study.ask(1)
    assert before is not None
    assert after is not None
    assert (after.place, after.values) == (before.place, before.values)
    study.complete(after.number, 1.0, {})
    assert study.rows()[0].defaults


def test_trials_of_a_living_process_count(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    asked = one.ask(2)
    assert other.ask(2) is not None
    assert other.ask(2) is None
    assert other.others() == 2
    assert asked is not None
    one.complete(asked.number, 1.0, {})
    assert [row.number for row in other.rows()] == [asked.number]


def die_in_a_trial(folder: Path) -> None:
    opened(folder).ask(5)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_leaves_its_trial_to_others(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die_in_a_trial, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    study = opened(tmp_path)
    assert len(search(study, 5)) == 5
    assert study.rows()[0].values == SPACE.defaults


def lose(folder: Path, epochs: int) -> int:
    """A process ends in the first trial, with so many epochs done; gives the trial's number."""
    study = opened(folder)
    asked = study.ask(2)
    assert asked is not None
    study.give_up(asked.number, dict.fromkeys(range(1, epochs + 1), 1.0))
    study.close()
    return asked.number


def test_a_trial_that_ends_every_process_is_given_up(tmp_path: Path) -> None:
    for epochs in (0, 1, 1, 2, 2):  # as long as each gets further, it is tried again
        lose(tmp_path, epochs)
    study = opened(tmp_path)
    assert study.rows() == []
    study.close()
    last = lose(tmp_path, 2)
    study = opened(tmp_path)
    asked = study.ask(2)
    (row,) = study.rows()
    assert (row.number, row.pruned, row.defaults) == (last, True, True)
    assert row.facts["why"] == "its process ended 3 times"
    assert asked is not None
    assert asked.values != row.values


def test_half_a_line_is_dropped(tmp_path: Path) -> None:
    study = opened(tmp_path)
    search(study, 2)
    study.close()
    with study.file.open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    assert len(opened(tmp_path).rows()) == 2


def test_a_damaged_journal_is_one_line(tmp_path: Path) -> None:
    study = opened(tmp_path)
    search(study, 2)
    study.close()
    lines = study.file.read_bytes().split(b"\n")
    study.file.write_bytes(b"\n".join([*lines[:2], b"{", *lines[2:]]))
    with pytest.raises(WhatsitError, match="is damaged"):
        opened(tmp_path)


def test_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "study.journal"
    file.write_bytes(b"two lines\nof someone's")
    with pytest.raises(WhatsitError, match="is no journal"):
        opened(tmp_path)
    assert file.read_bytes() == b"two lines\nof someone's"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"photos": "abd", "epochs": 8}, "other photos. "),
        ({"photos": "abc", "epochs": None}, r"epochs \(8, now the def"),
    ],
)
def test_other_photos_or_options_are_refused(tmp_path: Path, now: dict[str, object], said: str) -> None:
    study = opened(tmp_path)
    with pytest.raises(WhatsitError, match=said):
        study.begin(now)
    study.begin(BEGUN)


def test_what_is_worse_than_the_median_is_given_up(tmp_path: Path) -> None:
    study = opened(tmp_path)
    for loss in (1.0, 1.1, 0.9, 1.2):
        asked = study.ask(9)
        assert asked is not None
        assert not study.give_up(asked.number, {epoch: loss + 1 / epoch for epoch in range(1, 9)})
        study.complete(asked.number, loss, {})
    good, bad = study.ask(9), study.ask(9)
    assert good is not None
    assert bad is not None
    assert not study.give_up(good.number, {1: 9.0})  # too early to tell
    assert not study.give_up(good.number, {1: 9.0, 2: 0.5})
    assert study.give_up(bad.number, {1: 9.0, 2: 9.0})
    study.prune(bad.number, {"why": "worse"})
    last = study.rows()[-1]
    assert (last.pruned, last.facts["why"], last.epoch_losses) == (True, "worse", {1: 9.0, 2: 9.0})


def test_the_median_of_few_survivors_gives_up_nothing(tmp_path: Path) -> None:
    study = opened(tmp_path)
    for loss, last in ((0.5, 3), (0.5, 3), (0.5, 3), (0.3, 8)):
        asked = study.ask(9)
        assert asked is not None
        study.give_up(asked.number, dict.fromkeys(range(1, last + 1), loss))
        study.complete(asked.number, loss, {})
    asked = study.ask(9)
    assert asked is not None
    assert not study.give_up(asked.number, dict.fromkeys(range(1, 8), 0.4))


def test_no_number_is_given_up(tmp_path: Path) -> None:
    study = opened(tmp_path)
    for loss in (1.0, 1.0, 1.0, 1.0, float("nan")):
        asked = study.ask(9)
        assert asked is not None
        assert study.give_up(asked.number, {2: loss}) == (loss != 1.0)
        study.complete(asked.number, loss, {}) if loss == 1.0 else study.prune(asked.number, {})
    assert study.rows()[-1].epoch_losses == {}


def test_importances_are_shares(tmp_path: Path) -> None:
    study = opened(tmp_path)
    assert study.importances() == {}
    search(study, 8)
    shares = study.importances()
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["learning_rate"] > shares["augment"]


def test_optuna_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = opened(tmp_path)
    search(study, 9)
    study.importances()
    assert capfd.readouterr() == ("", "")
