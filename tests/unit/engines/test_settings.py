"""Collisions of a node's uid range are described by their owner."""

import pytest

from node_runtime.engines.docker.settings import UidRange, collisions, free_range

MINE = UidRange(node="n1-aa", first=200_000, count=4)
PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:{uid}:100::/home/w:/bin/sh\n# a comment\nbroken\n"


def told(passwd: str = "", subuid: str = "", holders: tuple[dict[str, str], ...] = (), *others: UidRange) -> list[str]:
    return list(collisions(MINE, passwd=passwd, subuid=subuid, holders=holders, others=others))


@pytest.mark.parametrize(("uid", "collides"), [(199_999, False), (200_000, True), (200_003, True), (200_004, False)])
def test_a_person_with_a_uid_of_the_range_is_named(uid: int, *, collides: bool) -> None:
    assert told(PASSWD.format(uid=uid)) == ([f"uid {uid} is worker's"] if collides else [])


@pytest.mark.parametrize(
    ("line", "collides"),
    [
        ("anna:100000:65536", False),
        ("anna:165536:65536", True),
        ("anna:200003:1", True),
        ("anna:200004:10", False),
        ("anna:none:10", False),
    ],
)
def test_uids_given_to_a_persons_own_containers_are_named(line: str, *, collides: bool) -> None:
    assert bool(told(subuid=f"# subordinate\n{line}\n")) is collides


def test_slots_in_use_of_other_nodes_are_named_and_its_own_are_not() -> None:
    holders = ({"node": "n1-aa", "user": "200001"}, {"node": "n2-bb", "user": "200002"}, {"node": "n3", "user": ""})
    assert told("", "", holders) == ["uid 200002 is used by node n2-bb on this engine"]


def test_ranges_of_other_nodes_that_meet_are_named() -> None:
    apart, same = UidRange(node="n2", first=200_004, count=1), UidRange(node="n3", first=199_990, count=11)
    assert told("", "", (), apart, same) == ["199990-200000 are those of node n3"]


def test_a_free_range_steps_over_what_others_have() -> None:
    network = UidRange(node="local-bob", first=1064, count=64)
    found = free_range(
        first=1000, count=64, start=0, passwd="bob:x:1010:1010::/:/bin/sh", subuid="bob:1128:100", others=[network]
    )
    assert str(found) == "1256-1319"
    later = free_range(first=1000, count=64, start=100_000 + 7, passwd="", subuid="")
    assert str(later) == "1448-1511"
