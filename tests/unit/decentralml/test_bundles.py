"""The files of an assembled annotation bundle, and the samples it requires for each label."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from node_runtime.decentralml.bundles import (
    Samples,
    assembled_bundle,
    read_annotation_json,
    read_coordinates,
    read_labels,
)
from node_runtime.errors import InputError


@pytest.fixture
def here(tmp_path: Path) -> Path:
    files = (
        "work/start_task.sh",
        "work/requirements.txt",
        "work/private-notes.txt",
        "work/annotation_files/big.png",
        "samples/coin-1.png",
        "samples/cup/1.png",
        "samples/coinage.png",
    )
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def laid(here: Path, samples: Samples, labels: tuple[str, ...], *, script: Path | None = None) -> set[str]:
    files = here / "work" / "annotation_files"
    found = assembled_bundle(files, samples, labels=labels, annotation_type="object_detection", script=script)
    with found as bundle:
        return {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}


def test_samples_belong_to_the_label_in_their_name_or_folder(here: Path) -> None:
    files = laid(here, [here / "samples/coin-1.png", here / "samples/cup/1.png"], ("coin", "cup"))
    assert {name for name in files if "samples" in name} == {
        "annotation_samples/coin-1.png",
        "annotation_samples/cup-1.png",
    }


def test_a_longer_word_is_not_the_label_it_begins_with(here: Path) -> None:
    with pytest.raises(InputError, match="no sample of 'coin'"):
        laid(here, [here / "samples/coinage.png"], ("coin",))


def test_samples_given_by_label_are_named_by_it(here: Path) -> None:
    given: Mapping[str, list[Path]] = {"old coin": [here / "samples/cup/1.png", here / "samples/coinage.png"]}
    files = laid(here, given, ("old coin",))
    assert {"annotation_samples/old coin-1.png", "annotation_samples/old coin-2.png"} <= files
    with pytest.raises(InputError, match="'old coin' is none of annotation_class_labels"):
        laid(here, given, ("cup",))


def test_a_script_named_alone_takes_only_what_the_tutorial_puts_beside_it(here: Path) -> None:
    samples = {"coin": here / "samples/coin-1.png"}
    files = laid(here, samples, ("coin",), script=here / "work/start_task.sh")
    assert files == {
        "start_task.sh",
        "requirements.txt",
        "annotation_files/big.png",
        "annotation_samples/coin-1.png",
    }
    assert "private-notes.txt" in laid(here, samples, ("coin",), script=here / "work")


def test_duplicate_file_names_and_a_missing_script_are_refused(here: Path) -> None:
    (here / "other").mkdir()
    (here / "other/coin-1.png").write_text("another")
    with pytest.raises(InputError, match="have the same name"):
        laid(here, [here / "samples/coin-1.png", here / "other/coin-1.png"], ("coin",))
    (here / "work/start_task.sh").unlink()
    with pytest.raises(InputError, match=r"there is no start_task\.sh"):
        laid(here, {"coin": here / "samples/coin-1.png"}, ("coin",))


def test_annotation_json_is_a_script_or_information(here: Path) -> None:
    script = here / "work/start_task.sh"
    assert read_annotation_json(None).script is None
    assert read_annotation_json(str(script)).script == script
    output = read_annotation_json('{"scale": 2, "start_task": "start_task.sh"}')
    assert (output.info, output.script) == ({"scale": 2}, Path("start_task.sh"))
    for wrong in ('{"scale": ', '{"start_task": 3}'):
        with pytest.raises(InputError, match="annotation_json"):
            read_annotation_json(wrong)


def test_labels_and_coordinates_are_read_as_text_and_as_values() -> None:
    labels = read_labels("coin, cup")
    assert labels == read_labels(["coin", "cup"]) == ("coin", "cup")
    assert read_coordinates("", labels) == read_coordinates(None, labels) == {}
    assert read_coordinates([[0, 1], [2, 3]], labels) == {"coin": [0, 1], "cup": [2, 3]}
    assert read_coordinates('{"coin": [0, 1]}', labels) == {"coin": [0, 1]}
    assert read_coordinates("0,0,10,10", ("coin",)) == {"coin": [0, 0, 10, 10]}
    for wrong in ("[1, 2, 3]", "left, right", "{broken}"):
        with pytest.raises(InputError, match="annotation_class_coordinates"):
            read_coordinates(wrong, labels)
