"""Any sequence of commands leaves a repository in which all fits together."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from repository.look import hidden_folders
from whatsit.model.versions.store import Repository


class Life(RuleBasedStateMachine):
    """Whatever is done, in whatever order: numbers rise, names point to what is there, files fit the default."""

    model: Path  # to add

    def __init__(self) -> None:
        super().__init__()
        self.scratch = TemporaryDirectory()
        self.repository = Repository(self.scratch.name)
        self.given = 0

    @rule(default=st.booleans(), aliases=st.lists(st.sampled_from("abc"), max_size=2))
    def add(self, default: bool, aliases: list[str]) -> None:
        before = self.repository.aliases("m").get("default")
        added = self.repository.add(self.model, "m", default=default, aliases=aliases)
        assert added.version == self.given + 1
        assert added.default == (added.version if default or before is None else before)
        self.given = added.version

    def _one(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.repository.versions("m")))

    def _any(self) -> bool:
        return bool(self.repository.versions("m"))

    @precondition(_any)
    @rule(data=st.data())
    def set_default(self, data: st.DataObject) -> None:
        version = self._one(data)
        self.repository.set_default("m", version)
        assert self.repository.aliases("m")["default"] == version

    @precondition(lambda self: "previous" in self.repository.aliases("m"))
    @rule()
    def rollback(self) -> None:
        before = self.repository.aliases("m")
        assert self.repository.rollback("m") == before["previous"]
        assert self.repository.aliases("m")["previous"] == before["default"]

    @precondition(_any)
    @rule(data=st.data(), alias=st.sampled_from("abc"))
    def set_alias(self, data: st.DataObject, alias: str) -> None:
        self.repository.set_alias("m", alias, self._one(data))

    @precondition(_any)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        version = self._one(data)
        done = self.repository.remove("m", version, force=True)
        assert version not in self.repository.versions("m")
        assert self.repository.aliases("m").get("default") == done.default

    @precondition(_any)
    @rule(keep=st.integers(1, 3))
    def prune(self, keep: int) -> None:
        newest = self.repository.versions("m")[-keep:]
        named = set(self.repository.aliases("m").values())
        self.repository.prune("m", keep)
        assert set(self.repository.versions("m")) == {*newest, *named}

    @invariant()
    def all_fits(self) -> None:
        versions, aliases = self.repository.versions("m"), self.repository.aliases("m")
        assert set(aliases.values()) <= set(versions)
        assert ("default" in aliases) == bool(versions)
        assert hidden_folders(self.repository.root / "m") == []
        config = self.repository.root / "m" / "config.pbtxt"
        assert config.exists() == bool(versions)
        if versions:
            assert f"versions: [ {aliases['default']} ]" in config.read_text(encoding="utf-8")

    def teardown(self) -> None:
        self.scratch.cleanup()


def test_a_life(copy: Path) -> None:
    Life.model = copy
    Life.TestCase.settings = settings(max_examples=10, stateful_step_count=15)
    Life.TestCase().runTest()
