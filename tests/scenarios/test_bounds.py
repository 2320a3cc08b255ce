"""Terms beyond the chain's bounds are refused by `check` and `submit` before anything is stored."""

import pytest

from node_runtime.errors import InputError
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.read import read_specs
from tests.scenarios.conftest import Desk

TERMS = {
    "reward: 0.05": "reward 0.05 UNIT is below 0.1 UNIT",
    "reward: 1000000001": "reward 1,000,000,001 UNIT is above 1,000,000,000 UNIT",
    "reward: 0.2\nbond: 0.05": "bond 0.05 UNIT is below 0.1 UNIT",
    "reward: 10\nbond: 101.5": "bond 101.5 UNIT is above 101 UNIT",
    "reward: 10\nslots: 10001": "slots 10001 is above 10000",
    "reward: 10\nmax_failures: 1001": "max_failures 1001 is above 1000",
    "reward: 10\nvalidation: manual\nmax_rejects: 4": "max_rejects 4 is above 3",
    "reward: 10\ndeadline: 366d": "deadline 366d is above 365d",
}


def training(terms: str) -> str:
    return f"kind: training\nname: round-1\nalgo: algo/\ndata: [train-0]\n{terms}\n"


@pytest.mark.parametrize("terms", list(TERMS))
def test_a_term_beyond_a_bound_is_refused_with_the_bound_before_anything_is_stored(desk: Desk, terms: str) -> None:
    with pytest.raises(InputError) as refused:
        desk.submit(training(terms))
    line = 5 + terms.count("\n")
    column = len(terms.splitlines()[-1].partition(": ")[0]) + 3
    assert refused.value.message == f"{desk.folder / 'task.yaml'}:{line}:{column}: {TERMS[terms]}"
    assert desk.stored() == set()
    with pytest.raises(InputError) as checked:  # as in `check`, which uses no chain
        read_specs(desk.folder / "task.yaml", bounds=packaged_bounds())
    assert checked.value.message == refused.value.message


def test_all_terms_beyond_a_bound_are_reported_together(desk: Desk) -> None:
    with pytest.raises(InputError) as refused:
        desk.submit(training("reward: 0.05\nslots: 10001\nmax_failures: 1001"))
    assert refused.value.message.count("task.yaml:") == 3
