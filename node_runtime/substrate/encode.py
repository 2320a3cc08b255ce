"""Conversion of the types of `domain` into arguments of calls, in the metadata's shapes."""

from collections.abc import Sequence
from typing import Any

from node_runtime.domain.assets import Asset, Objective
from node_runtime.domain.permissions import Admits, Permissions
from node_runtime.domain.task import Output, Perf, Roles, Spec, Terms
from node_runtime.domain.units import to_fixed

from .convert import camel, digest_bytes, text_bytes


def asset(value: Asset) -> dict[str, Any]:
    return {
        "digest": digest_bytes(value.ref.digest),
        "kind": {camel(value.kind): camel(value.label)} if value.label is not None else camel(value.kind),
        "visibility": camel(value.visibility),
        "uri": text_bytes(value.uri),
    }


def permissions(value: Permissions) -> dict[str, Any]:
    return {
        "rights": rights(value),
        "algos": "Any" if value.algos is None else {"Digests": [digest_bytes(each) for each in value.algos]},
    }


def rights(value: Permissions) -> dict[str, Any]:
    """Encode the rights of accounts, without those of programs."""
    given = {"process": value.process, "download": value.download, "logs": value.logs}
    return {name: "Public" if accounts is None else {"Accounts": list(accounts)} for name, accounts in given.items()}


def admits(value: Admits) -> dict[str, Any]:
    return {"owners": list(value.owners), "algos": [digest_bytes(each) for each in value.algos]}


def objective(value: Objective) -> dict[str, Any]:
    return {
        "name": text_bytes(value.name),
        "metric": digest_bytes(value.metric),
        "opener": digest_bytes(value.opener),
        "direction": camel(value.direction),
        "tolerance": to_fixed(value.tolerance),
        "samples": [digest_bytes(sample) for sample in value.samples],
    }


def terms(value: Terms) -> dict[str, Any]:
    return {
        "kind": camel(value.kind),
        "reward": value.reward,
        "bond": value.bond,
        "slots": value.slots,
        "max_rejects": value.max_rejects,
        "max_failures": value.max_failures,
        "review": {"judge": value.review.judge, "window": value.review.window},
        "deadline": value.deadline,
        "timeout": value.timeout,
        "plan": value.plan,
        "assignee": value.assignee,
    }


def spec(value: Spec) -> dict[str, Any]:
    inputs: list[Any] = [{"Asset": {"owner": ref.owner, "digest": digest_bytes(ref.digest)}} for ref in value.assets]
    inputs += [{"Model": {"submission": id_.submission, "output": id_.output}} for id_ in value.models]
    return {
        "digest": digest_bytes(value.digest),
        "uri": text_bytes(value.uri),
        "inputs": inputs,
        "parents": list(value.parents),
        "objectives": list(value.objectives),
    }


def roles(value: Roles) -> dict[str, Any]:
    return {
        "outputs": [
            {"name": text_bytes(each.name), "kind": camel(each.kind), "private": each.private} for each in value.outputs
        ],
        "takes": [{"parent": each.parent, "output": each.output} for each in value.takes],
    }


def perfs(value: Sequence[Perf]) -> list[dict[str, Any]]:
    return [{"name": text_bytes(each.name), "value": to_fixed(each.value)} for each in value]


def outputs(value: Sequence[Output]) -> list[dict[str, str]]:
    return [{"name": text_bytes(output.name), "digest": digest_bytes(output.digest)} for output in value]
