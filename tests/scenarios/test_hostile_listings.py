"""Untrusted text in any field of a listing is escaped: no control characters, no forged lines."""

import json
import unicodedata
from decimal import Decimal
from pathlib import Path

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Direction, Label, Visibility
from node_runtime.domain.document import FILE_NAME, Image
from node_runtime.domain.task import UNIT, Kind, Review, Spec, TaskId, Terms
from node_runtime.errors import FailureCategory
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.annotation.definition import Annotation, AnnotationType
from node_runtime.runner.result_document import ResultDocument
from node_runtime.worker.audit import Audit, AuditEvent
from tests.node_key import development_key
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import TRAINING
from tests.scenarios.test_results import stored, worked

FORGED = "payment 1000 UNIT"
HOSTILE = f"\x1b]0;owned\x07\x9b31m\u202e\r\x7f\n{FORGED}\u2028"  # short enough for every field of the chain


def assert_harmless(nrt: Nrt, *words: str, **environment: str) -> str:
    ended = nrt(*words, **environment)
    assert "Traceback" not in ended.stderr, ended.stderr
    output = ended.stdout + ended.stderr
    steering = {one for one in output if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")} - {"\n"}
    assert not steering, (words, steering)
    assert not [line for line in output.split("\n") if line.startswith(FORGED)], words
    return output


def registered(desk: Desk, kind: AssetKind, name: str, label: Label | None = None) -> AssetRef:
    """Register an asset of the worker with a hostile URI."""
    ref = AssetRef(owner=desk.worker.account, digest=stored(desk, name, {name: f"{desk.folder} {name}"}))
    asset = Asset(ref=ref, kind=kind, label=label, visibility=Visibility.SHARED, uri=HOSTILE)
    desk.worker.register_assets([asset])
    return ref


def asked(desk: Desk) -> TaskId:
    """Create an annotation task of the worker with hostile texts."""
    bundle, algo = registered(desk, AssetKind.BUNDLE, "bundle"), registered(desk, AssetKind.ALGO, "algo")
    question = Annotation(
        type=AnnotationType.CLASSIFICATION, question=HOSTILE, labels=("a\x9b\u202eb",), info={"x": HOSTILE}
    )
    document = AnnotationDocument(
        name="asked",
        layout="bundle",
        algo=Image(source=str(algo)),
        bundle=str(bundle),
        annotation=question,
        person=True,
    )
    file = desk.folder.parent / FILE_NAME
    file.write_bytes(document.encode())
    terms = Terms(
        kind=Kind.ANNOTATION,
        reward=UNIT,
        bond=UNIT,
        slots=1,
        max_rejects=1,
        max_failures=1,
        review=Review(judge=desk.worker.account, window=60_000),
        deadline=desk.worker.now() + 3_600_000,
        timeout=600_000,
    )
    spec = Spec(digest=desk.store.put(file), uri=HOSTILE, assets=(bundle, algo), models=(), parents=(), objectives=())
    return desk.worker.create_task(terms, spec)


def hostile_result(document: ResultDocument) -> ResultDocument:
    return document.model_copy(update={"perf": {"all": 1, HOSTILE: 0.5, "table": {HOSTILE: HOSTILE}}})


def test_no_command_prints_untrusted_control_characters_or_forged_lines(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    rejected, failed, open_one = (desk.submit(TRAINING).tasks[0].id for _ in range(3))
    which = f"{rejected}/{worked(desk, rejected, forge=hostile_result).id}"
    log = stored(desk, "log", {"failure.txt": f"task_error: {HOSTILE}\n", "[bold]\u202eodd.log": f"{HOSTILE}\n"})
    desk.worker.report_failure(failed, desk.worker.assign_task(failed).epoch, FailureCategory.TASK_ERROR, log)
    desk.worker.create_objective(
        name=HOSTILE,
        metric=registered(desk, AssetKind.METRIC, "metric").digest,
        opener=registered(desk, AssetKind.OPENER, "opener").digest,
        direction=Direction.HIGHER,
        tolerance=Decimal(0),
        samples=[registered(desk, AssetKind.DATA_SAMPLE, "test", Label.TEST).digest],
    )
    question = asked(desk)
    commands = [
        ("list",),
        ("list", "--role", "open"),
        ("show", str(rejected)),
        ("show", str(failed)),
        ("show", str(question)),
        ("results", str(rejected)),
        ("logs", str(rejected)),
        ("logs", str(failed)),
        ("asset", "list", "--owner", desk.worker.account),
        ("objective", "list", "--owner", desk.worker.account),
    ]
    for words in commands:
        assert_harmless(nrt, *words)
        json.loads(assert_harmless(nrt, *words, "--json"))
    assert_harmless(nrt, "reject", which, "--reason", HOSTILE)
    assert r"\x1b]0;owned" in assert_harmless(nrt, "show", str(rejected))
    for words in (("list", "--role", "worker"), ("show", str(rejected)), ("results", str(rejected))):
        assert_harmless(nrt, *words, NODE_RUNTIME_KEY="//Bob")
        assert_harmless(nrt, *words, "--json", NODE_RUNTIME_KEY="//Bob")
    assert_harmless(nrt, "fetch", str(rejected), str(tmp_path / "fetched"))
    assert_harmless(nrt, "assign", str(question), "--into", str(tmp_path / "into"), NODE_RUNTIME_KEY="//Charlie")
    assert_harmless(nrt, "validate", str(open_one), "--auto")


def test_untrusted_text_in_the_audit_file_forges_no_line(nrt: Nrt, desk: Desk) -> None:
    (desk.folder / "node.yaml").write_text("node: n\nchain: ws://127.0.0.1:1\nkey: //Bob\nstorage: store\nwork: work\n")
    (desk.folder / "work").mkdir()
    audit = Audit(desk.folder / "work" / "audit.jsonl", development_key("Bob"))
    audit.record(AuditEvent.REJECTION, task=1, epoch=1, detail=f"submission 1: {HOSTILE}")
    audit.close()
    output = assert_harmless(nrt, "audit", "--config", str(desk.folder / "node.yaml"), NODE_RUNTIME_KEY="//Bob")
    assert "1 are signed by the node" in output
    assert len(output.strip().split("\n")) == 3
    assert_harmless(nrt, "audit", "--config", str(desk.folder / "node.yaml"), "--json", NODE_RUNTIME_KEY="//Bob")
