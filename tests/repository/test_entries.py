"""What is said of a version, whatever its model.json says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model.damage import replaced, rewrite

from repository.look import refused
from whatsit.model.format import FILES, read_facts
from whatsit.model.versions.entries import models, sound_entry
from whatsit.model.versions.store import Repository
from whatsit.model.versions.terminal import details, listing

TEXT = st.text(st.characters(), max_size=5)  # halves of characters, too
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([10**9, 10**400]) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    ("name",),
    ("created",),
    *(("metrics", key) for key in ("n", "accuracy", "macro_f1", "log_loss", "ece")),
    *(("metrics", "accuracy", end) for end in ("value", "low", "high")),
    *(("data", key) for key in ("protocol", "counts", "fingerprint")),
    ("data", "counts", "all"),
    *(("backbone", key) for key in ("precision", "licence")),
    ("head", "name"),
    ("software", "numpy"),
]


def test_a_version_in_full(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit", aliases=["qa"])
    entry = sound_entry(repository, "fruit", 1)
    text = details(entry)
    assert text.startswith("fruit, version 1: default, qa\nThe right class ")
    assert "on 24 photos judged unseen." in " ".join(text.split())
    for row in ("protocol", "classes       2: apples, pears", "data          all 24", "network       own", "trained"):
        assert f"\n{row}" in text
    assert f"\nfolder        {repository.folder('fruit', 1)}" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("folder")) <= 80
    assert entry.files == len(list(model.iterdir()))
    assert entry.bytes == sum(path.stat().st_size for path in model.iterdir())
    assert entry.all_facts()["facts"]["labels"] == ["apples", "pears"]


def test_damage_is_listed_with_its_reason(repository: Repository, model: Path) -> None:
    for _ in range(4):
        repository.add(model, "fruit")
    (repository.folder("fruit", 1) / FILES.graph).write_bytes(b"")
    (repository.folder("fruit", 2) / FILES.facts).unlink()
    (repository.folder("fruit", 3) / FILES.facts).write_text("{", encoding="utf-8")
    (found,) = models(repository)
    text = listing(found)
    assert " ".join(text.split()).count("unusable") == 3
    assert "  1  unusable (default): model.onnx: damaged" in text
    assert max(map(len, text.splitlines())) <= 80
    assert [bool(entry.problem) for entry in found.entries] == [True, True, True, False]
    assert "damaged" in refused(lambda: sound_entry(repository, "fruit", 1))


def test_damaged_aliases_leave_the_versions_to_see(repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    (repository.root / "fruit" / "aliases.json").write_text("{", encoding="utf-8")
    (found,) = models(repository, "fruit")
    assert "aliases.json: damaged" in found.problem
    assert len(found.entries) == 1
    assert "no model 'pets'" in refused(lambda: models(repository, "pets"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=ANY)
def test_any_value_can_be_shown(place: tuple[str, ...], value: Any, repository: Repository, model: Path) -> None:
    if not repository.names():
        repository.add(model, "fruit")
    facts = repository.folder("fruit", 1) / FILES.facts
    facts.write_bytes((model / FILES.facts).read_bytes())
    rewrite(facts.parent, replaced(place, value))
    (found,) = models(repository)
    texts = [listing(found), *(details(entry) for entry in found.entries if entry.facts)]
    "".join(texts).encode()
    for line in "\n".join(texts).split("\n"):
        assert line.startswith("folder") or len(line) <= 80
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("labels", [[f"class {i}" for i in range(500)], ["写" * 60, "真" * 60]])
def test_many_and_wide_classes(labels: list[str], repository: Repository, model: Path) -> None:
    repository.add(model, "fruit")
    folder = repository.folder("fruit", 1)
    rewrite(folder, replaced(("labels",), labels))
    entry = replace(models(repository)[0].entries[0], facts=read_facts(folder))
    lines = details(entry).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("classes"))
    assert lines[start].startswith(f"classes       {len(labels)}: ")
    assert len([line for line in lines[start + 1 :] if line.startswith(" ")]) < 8
