"""The leaderboard ranks models by the scores of their highest voucher, with the scores' count and range."""

from decimal import Decimal

import pytest

from node_runtime.creator.leaderboard import Place, leaderboard
from node_runtime.domain.assets import Account, Digest, Direction, ModelId, Objective, ObjectiveId, SubmissionId
from node_runtime.domain.task import CertifiedScore, Voucher

FIRST, SECOND, THIRD = (ModelId(submission=SubmissionId(number)) for number in (1, 2, 3))


def score(model: ModelId, voucher: Voucher, value: str) -> CertifiedScore:
    return CertifiedScore(
        objective=ObjectiveId(1),
        submission=SubmissionId(9),
        model=model,
        value=Decimal(value),
        voucher=voucher,
        scorer=Account("5Bob"),
        payer=Account("5Alice"),
        at=0,
    )


def place(rank: int | None, model: ModelId, voucher: Voucher, *values: str) -> Place:
    least, median, most = map(Decimal, values[-3:])
    return Place(
        rank=rank,
        model=model,
        voucher=voucher,
        count=int(values[0]),
        least=least,
        median=median,
        most=most,
        scorers=(Account("5Bob"),),
    )


def objective(direction: Direction, tolerance: str = "0") -> Objective:
    return Objective(
        id=ObjectiveId(1),
        owner=Account("5Alice"),
        name="digits",
        metric=Digest("a" * 64),
        opener=Digest("b" * 64),
        direction=direction,
        tolerance=Decimal(tolerance),
        samples=(Digest("c" * 64),),
    )


SCORES = (
    score(FIRST, Voucher.INDEPENDENT, "0.9"),
    score(FIRST, Voucher.INDEPENDENT, "0.99"),
    score(FIRST, Voucher.INDEPENDENT, "0.2"),
    score(FIRST, Voucher.OWN, "1"),
    score(SECOND, Voucher.INDEPENDENT, "1"),
    score(SECOND, Voucher.OWNER, "0.5"),
    score(SECOND, Voucher.OWNER, "0.6"),
    score(THIRD, Voucher.OWN, "1"),
)


@pytest.mark.parametrize("direction", Direction)
def test_each_model_is_ranked_by_its_highest_voucher_with_the_range_of_those_scores(direction: Direction) -> None:
    higher = direction is Direction.HIGHER
    first = place(1 if higher else 2, FIRST, Voucher.INDEPENDENT, "3", "0.2", "0.9", "0.99")
    second = place(2 if higher else 1, SECOND, Voucher.OWNER, "2", "0.5", "0.5", "0.6")
    ranked = (first, second) if higher else (second, first)
    assert (
        leaderboard(SCORES, objective(direction))[:2] == leaderboard(SCORES[::-1], objective(direction))[:2] == ranked
    )


@pytest.mark.parametrize("direction", Direction)
def test_scores_that_a_models_makers_vouch_for_follow_without_a_rank(direction: Direction) -> None:
    own = leaderboard((*SCORES, score(SECOND, Voucher.OWN, "0.5")), objective(direction))[2:]
    ones = [place(None, model, Voucher.OWN, "1", "1", "1", "1") for model in (FIRST, THIRD)]
    half = place(None, SECOND, Voucher.OWN, "1", "0.5", "0.5", "0.5")
    assert own == ((*ones, half) if direction is Direction.HIGHER else (half, *ones))


def test_a_committee_takes_precedence_over_other_vouchers() -> None:
    first, *_ = leaderboard((*SCORES[:3], score(FIRST, Voucher.COMMITTEE, "0.1")), objective(Direction.HIGHER))
    assert first == place(1, FIRST, Voucher.COMMITTEE, "1", "0.1", "0.1", "0.1")


@pytest.mark.parametrize(
    ("tolerance", "ranks"), [("0", [1, 2, 3]), ("0.01", [1, 1, 3]), ("0.015", [1, 1, 3]), ("0.02", [1, 1, 1])]
)
def test_models_within_the_tolerance_of_the_first_of_a_rank_share_it(tolerance: str, ranks: list[int]) -> None:
    scores = [
        score(FIRST, Voucher.OWNER, "0.90"),
        score(SECOND, Voucher.OWNER, "0.89"),
        score(THIRD, Voucher.OWNER, "0.88"),
    ]
    assert [one.rank for one in leaderboard(scores, objective(Direction.HIGHER, tolerance))] == ranks
    lower = leaderboard(scores, objective(Direction.LOWER, tolerance))
    assert ([one.rank for one in lower], lower[0].model) == (ranks, THIRD)
