"""An independent model of lineage: what went into a model, through all its ancestors and in any role, from events.

Nothing here reads what the chain recorded of cleanness, lineage or makers: that is what is checked.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.history import History
from tests.chain_rules.specs import MODEL_MAKERS
from tests.chain_rules.state import Event, State

Way = int | None
"""How somebody came by bytes: as the model of this submission, or derived from samples, which is clean for nothing."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What went into an accepted model, as it was when it was accepted.

    ``digests`` are its inputs' and its own, ``made`` says of each input that its owner had made in which ways it had,
    ``worked`` names everyone who worked on it or paid for it, and on what it was made from.
    """

    digests: frozenset[bytes]
    parents: frozenset[int]
    made: tuple[tuple[Way, ...], ...]
    imported: bool
    worked: frozenset[bytes]


class Kitchen:
    """Remembers how every model was made, and who made which bytes."""

    def __init__(self) -> None:
        self.recipes: dict[int, Recipe] = {}
        self._made: defaultdict[tuple[bytes, bytes], list[tuple[int, Way]]] = defaultdict(list)
        """Each way with the moment of its acceptance."""

    def see(self, state: State, history: History, events: Iterable[Event]) -> None:
        """One block; ``state`` is the one after it."""
        for event in events:
            if event.name == "ResultAccepted":
                self._accepted(state, history, event.fields.task, event.fields.submission)

    @property
    def remade(self) -> int:
        """How many models took in bytes that their owner had made."""
        return sum(bool(recipe.made) for recipe in self.recipes.values())

    def _accepted(self, state: State, history: History, number: int, submission: int) -> None:
        task, spec = history.tasks[number], history.specs[number]
        sent = state.tasks("Submissions")[number, submission]
        assets, kind = _assets(spec), task.terms.kind
        if kind == "Annotation" and "Test" not in {name_of_kind(state, asset) for asset in assets}:
            return
        way = None
        outputs = [output.digest for output in sent.outputs]
        if kind in MODEL_MAKERS:
            way = submission
            outputs = [output.digest for output in sent.outputs if output.name == b"model"]
            self.recipes[submission] = self._recipe(state, history, number, sent, outputs)
        for digest in outputs:
            self._made[sent.worker, digest].append((sent.status.at, way))
            registered = state.registry("Assets").get((task.creator, digest))
            if task.creator != sent.worker and (registered is None or registered.since > sent.sent):
                self._made[task.creator, digest].append((sent.status.at, way))

    def _recipe(self, state: State, history: History, number: int, sent: Any, outputs: list[bytes]) -> Recipe:
        spec = history.specs[number]
        assets, parents = _assets(spec), _models(history, spec)
        ways = (tuple(self._made_by(asset, sent.status.at)) for asset in sorted(assets))
        made = tuple(filter(None, ways))
        before = parents | {way for ways in made for way in ways if way is not None}
        return Recipe(
            digests=frozenset({digest for _, digest in assets} | set(outputs)),
            parents=frozenset(parents),
            made=made,
            imported="Model" in {name_of_kind(state, asset) for asset in assets},
            worked=frozenset({history.tasks[number].creator, sent.worker}).union(
                *(self.recipes[model].worked for model in before)
            ),
        )

    def _made_by(self, asset: tuple[bytes, bytes], at: int) -> Iterator[Way]:
        """The ways in which the asset's owner had made it by this moment."""
        return (way for moment, way in self._made.get(asset, ()) if moment <= at)

    def has_seen(self, tests: set[bytes], model: int) -> bool:
        """Whether one of these Test samples reached the model, or nobody can know."""
        recipe = self.recipes[model]
        return (
            recipe.imported
            or not recipe.digests.isdisjoint(tests)
            or any(self.has_seen(tests, parent) for parent in recipe.parents)
            or any(all(way is None or self.has_seen(tests, way) for way in ways) for ways in recipe.made)
        )


def check_clean_models(state: State, kitchen: Kitchen) -> None:
    """No model that is clean for an objective has seen its Test samples, whoever registered them as what, and in
    whatever role those who made bytes gave them to a task. Everyone who worked on it is in its record's filter."""
    for (model, _), record in state.registry("Models").items():
        for objective in record.clean_for:
            assert not kitchen.has_seen(_tests(state, objective), model), f"model {model} has seen Test"


def check_scores(state: State, history: History, kitchen: Kitchen) -> None:
    """A certified score is of a model that is clean for its objective, on exactly the objective's assets, and nobody
    but a stranger to the model's whole lineage vouches for it."""
    for (task, _), submission in state.tasks("Submissions").items():
        spec = history.specs[task]
        if submission.score is None:
            continue
        assert name_of(submission.status) == "Accepted"
        if submission.score.standing == "Certified":
            _check_certified(state, history, spec)
        else:
            assert not spec.objectives
            labels = {name_of_kind(state, asset) for asset in _assets(spec)}
            assert "Test" not in labels
            assert "Train" in labels, "a cross-validation is on Train samples"
    for score in vouched(state):
        assert score.scorer not in kitchen.recipes[score.model.submission].worked


def vouched(state: State) -> Iterator[Any]:
    """The certified scores that somebody else than the model's own people vouches for."""
    return (score for score in state.registry("Scores").values() if score.voucher != "Own")


def _check_certified(state: State, history: History, spec: Any) -> None:
    (objective,) = spec.objectives
    described = state.registry("Objectives")[objective]
    wanted = {described.opener, described.metric, *described.samples}
    used = {asset for asset in _assets(spec) if name_of_kind(state, asset) in ("Opener", "Metric", "Train", "Test")}
    assert used == {(described.owner, digest) for digest in wanted}
    (model,) = _models(history, spec)
    assert objective in state.registry("Models")[model, 0].clean_for


def name_of_kind(state: State, asset: tuple[bytes, bytes]) -> str:
    """The kind of an asset, of a sample its label."""
    kind = state.registry("Assets")[asset].kind
    return kind if isinstance(kind, str) else name_of(kind.values[0])


def _tests(state: State, objective: int) -> set[bytes]:
    return {digest for of, digest in state.registry("TestOf") if of == objective}


def _models(history: History, spec: Any) -> set[int]:
    named = {entry.values[0].submission for entry in spec.inputs if name_of(entry) == "Model"}
    return named | {history.tasks[parent].result for parent in spec.parents}


def _assets(spec: Any) -> set[tuple[bytes, bytes]]:
    """Owner and digest of each asset among the inputs."""
    named = (entry.values[0] for entry in spec.inputs if name_of(entry) == "Asset")
    return {(asset.owner, asset.digest) for asset in named}
