"""Annotations are checked against the task and the annotated files; each mistake is reported with its place."""

import json
from pathlib import Path

import numpy as np
import pytest
from skimage import io

from node_runtime.domain.document import Image, Limits, ModelOf
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import read_document
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.annotation.definition import Annotation, AnnotationType, unfit_files
from node_runtime.kinds.annotation.outputs import MAX_ANNOTATIONS, MAX_BYTES, MAX_TOTAL, check_annotations, output_name

LABELS = ("coin", "bolt")
BOX = {"label": "coin", "box": [1, 2, 3, 4]}
# its size, 5 × 5, follows so many empty segments that a larger such file would take minutes
SLOW_JPEG = b"\xff\xd8" + b"\xff\xe0\0\2" * 5000 + b"\xff\xc0\0\x0b\x08\0\5\0\5\1\1\x11\0"
SPAN = {"label": "coin", "start": 1, "end": 3}


def asked(wanted: AnnotationType) -> Annotation:
    return Annotation(type=wanted, question="Where?", labels=LABELS)


def picture(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    io.imsave(path, np.zeros((height, width, 3), np.uint8), check_contrast=False)


class Room:
    """A bundle with one file to annotate, and its outputs."""

    def __init__(self, folder: Path, wanted: AnnotationType) -> None:
        self.wanted = wanted
        self.bundle = folder / "bundle"
        self.outputs = folder / "outputs"
        self.outputs.mkdir()
        (self.bundle / "annotation_files").mkdir(parents=True)
        self.file = "a.txt" if wanted is AnnotationType.TEXT_SPAN else "a.png"
        if wanted is AnnotationType.TEXT_SPAN:
            (self.bundle / "annotation_files" / "a.txt").write_text("größer")
        else:
            picture(self.bundle / "annotation_files" / "a.png", 64, 48)

    def write(self, value: object, name: str = "a_annotations.json") -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        (self.outputs / name).parent.mkdir(parents=True, exist_ok=True)
        (self.outputs / name).write_text(text)

    def check(self) -> None:
        check_annotations(self.outputs, self.bundle, asked(self.wanted))

    def refused(self) -> str:
        with pytest.raises(TaskFailed) as failed:
            self.check()
        assert failed.value.category is FailureCategory.OUTPUT_INVALID
        assert failed.value.remedy
        return failed.value.message


@pytest.fixture
def pictures(tmp_path: Path) -> Room:
    return Room(tmp_path, AnnotationType.OBJECT_DETECTION)


@pytest.fixture
def classes(tmp_path: Path) -> Room:
    return Room(tmp_path, AnnotationType.CLASSIFICATION)


@pytest.fixture
def texts(tmp_path: Path) -> Room:
    return Room(tmp_path, AnnotationType.TEXT_SPAN)


@pytest.mark.parametrize(
    "annotations",
    [
        [],
        [BOX],
        [BOX, {"label": "bolt", "box": [0, 0, 64, 48], "score": 0.5}],
        [{"label": "bolt", "box": [60.5, 0, 3.5, 0.25], "score": 1}],
    ],
)
def test_boxes_inside_their_picture_are_right(pictures: Room, annotations: list[object]) -> None:
    pictures.write({"file": "a.png", "annotations": annotations})
    pictures.check()


def test_a_class_is_right(classes: Room) -> None:
    classes.write({"file": "a.png", "label": "bolt"})
    classes.check()


def test_spans_count_characters_not_bytes(texts: Room) -> None:
    texts.write({"file": "a.txt", "annotations": [{"label": "coin", "start": 0, "end": 6}]})
    texts.check()
    texts.write({"file": "a.txt", "annotations": [{"label": "coin", "start": 0, "end": 7}]})
    assert "outputs/a_annotations.json: annotations[0]: it reaches from 0 to 7" in texts.refused()
    assert "text of 6 characters" in texts.refused()


@pytest.mark.parametrize("box", [[62, 2, 3, 4], [1, 2, 3, 47], [-1, 2, 3, 4], [1, -0.5, 3, 4], [1, 2, 1e308, 1e308]])
def test_a_box_outside_its_picture_is_named_with_both_sizes(pictures: Room, box: list[float]) -> None:
    pictures.write({"file": "a.png", "annotations": [BOX, BOX, {"label": "coin", "box": box}]})
    message = pictures.refused()
    assert message.startswith(f"outputs/a_annotations.json: annotations[2].box: it is {box[2]:g} × {box[3]:g} pixels")
    assert "outside its picture of 64 × 48 pixels" in message


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "a_annotations.json: it is empty"),
        ("[]", "must be keys with values"),
        ({"annotations": []}, "a_annotations.json: file: is missing"),
        ({"file": "a.png"}, "annotations: is missing"),
        ({"file": "b.png", "annotations": []}, "file: must be 'a.png', not 'b.png'"),
        ({"file": "a.png", "annotations": {}}, "annotations: must be a list"),
        ({"file": "a.png", "annotations": [7]}, "annotations[0]: must be keys with values"),
        ({"file": "a.png", "anotations": []}, "anotations: unknown key; did you mean 'annotations'?"),
        ({"file": "a.png", "annotations": [{**BOX, "lable": 1}]}, "annotations[0].lable: unknown key; did you mean"),
        ({"file": "a.png", "annotations": [{"label": "coin"}]}, "annotations[0].box: is missing"),
        ({"file": "a.png", "annotations": [{"label": "coin", "box": [1, 2, 3]}]}, "at least 4 can stand here"),
        ({"file": "a.png", "annotations": [{"label": "coin", "box": [1, 2, 3, 4, 5]}]}, "at most 4 can stand here"),
        ({"file": "a.png", "annotations": [{"label": "coin", "box": "1234"}]}, "annotations[0].box: must be a list"),
        ({"file": "a.png", "annotations": [{"label": "coin", "box": [1, 2, True, 4]}]}, "box[2]: must be a number"),
        ({"file": "a.png", "annotations": [{"label": "coin", "box": [1, "2", 3, 4]}]}, "box[1]: must be a number"),
        ({"file": "a.png", "annotations": [{"label": "coin", "box": [1, 2, 0, 4]}]}, "width and height must be more"),
        ({"file": "a.png", "annotations": [{**BOX, "score": 1.5}]}, "annotations[0].score: at most 1"),
        ({"file": "a.png", "annotations": [{**BOX, "score": True}]}, "annotations[0].score: must be a number"),
        ({"file": "a.png", "annotations": [{**BOX, "label": "coim"}]}, "[0].label: 'coim' is none of the task's class"),
        ({"file": "a.png", "annotations": [{**BOX, "label": "coim"}]}, "did you mean 'coin'?"),
        ({"file": "a.png", "annotations": [{**BOX, "label": None}]}, "[0].label: must be text"),
        ({"file": "a.png", "annotations": [{**BOX, "label": "c" * 101}]}, "[0].label: string should have at most 100"),
        ({"file": "a.png", "annotations": [BOX] * (MAX_ANNOTATIONS + 1)}, f"at most {MAX_ANNOTATIONS} can stand here"),
        ({str(key): 1 for key in range(200)}, "200 keys are there; known are: file, annotations"),
        ({"file": "a.png", "annotations": [7] * 200_000}, "annotations[0]: must be keys with values"),
        ('{"file": "a.png", "file": "a.png", "annotations": []}', "the key 'file' is there twice"),
        ('{"file": "a.png", "annotations": [{"label": "coin", "box": [NaN, 2, 3, 4]}]}', "NaN is not a finite number"),
        ('{"file": "a.png", "annotations": [{"label": "coin", "box": [1e999, 2, 3, 4]}]}', "1e999 is not a finite"),
        ('{"file": "a.png", "annotations": [{"label": "coin", "box": [' + "9" * 99 + "]}]}", "a number has 99 digits"),
        ('{"file": "a.png", "annotations": ' + "[" * 9000 + "]" * 9000 + "}", "nested too deeply"),
        ('{"file": "a.png", "annotations": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
        (" " * (MAX_BYTES + 1), f"it is larger than {MAX_BYTES} bytes"),
    ],
)
def test_an_invalid_annotation_is_reported_with_its_place(pictures: Room, value: object, says: str) -> None:
    pictures.write(value)
    assert says in pictures.refused()


@pytest.mark.parametrize(
    ("span", "says"),
    [
        ({"start": 3, "end": 3}, "annotations[0]: start 3 must come before end 3"),
        ({"start": -1, "end": 3}, "annotations[0]: it reaches from -1 to 3"),
        ({"start": 1.0, "end": 3}, "annotations[0].start: must be a whole number"),
        ({"start": True, "end": 3}, "annotations[0].start: must be a whole number"),
        ({"start": 1}, "annotations[0].end: is missing"),
        ({"start": 1, "end": 3, "box": []}, "annotations[0].box: unknown key"),
    ],
)
def test_a_span_outside_its_text_is_reported_with_its_place(texts: Room, span: dict[str, object], says: str) -> None:
    texts.write({"file": "a.txt", "annotations": [{"label": "coin", **span}]})
    assert says in texts.refused()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"file": "a.png", "label": "bold"}, "label: 'bold' is none of the task's class_labels; did you mean 'bolt'?"),
        ({"file": "a.png", "label": "car"}, "known are: bolt, coin"),
        ({"file": "a.png", "label": "\ud83d"}, "surrogates not allowed"),
        ({"file": "a.png", "label": ["coin"]}, "label: must be text"),
        ({"file": "a.png", "label": "coin", "annotations": []}, "annotations: unknown key; known are: file, label"),
    ],
)
def test_a_wrong_class_is_reported(classes: Room, value: object, says: str) -> None:
    classes.write(value)
    assert says in classes.refused()


def test_missing_and_surplus_files_are_named(pictures: Room) -> None:
    assert "outputs/a_annotations.json is missing; it is the one for annotation_files/a.png" in pictures.refused()
    pictures.write({"file": "a.png", "annotations": []}, "a_annotations.jsn")
    assert (
        "outputs/a_annotations.jsn belongs to no file of annotation_files/; did you mean 'a_anno" in pictures.refused()
    )
    pictures.write({"file": "a.png", "annotations": []})
    assert pictures.refused() == "outputs/a_annotations.jsn belongs to no file of annotation_files/; remove it"


def test_names_that_would_spoil_a_terminal_are_shown_harmlessly(pictures: Room) -> None:
    pictures.write({}, "\x1b[31mred.json")
    pictures.write({"file": "a.png", "annotations": []})
    assert "outputs/\\x1b[31mred.json belongs to no file" in pictures.refused()


def test_mistakes_are_reported_up_to_a_limit(pictures: Room) -> None:
    boxes = [{"label": "coin", "box": [100 + number, 0, 1, 1]} for number in range(9)]
    pictures.write({"file": "a.png", "annotations": boxes[:2]})
    assert len(pictures.refused().splitlines()) == 2
    pictures.write({"file": "a.png", "annotations": boxes})
    assert pictures.refused().splitlines()[-2:][1] == "and more"
    assert "annotations[4].box" in pictures.refused()


def test_a_link_among_the_outputs_is_not_followed(pictures: Room, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text('{"file": "a.png", "annotations": []}')
    (pictures.outputs / "a_annotations.json").symlink_to(tmp_path / "elsewhere.json")
    assert "it is not a regular file" in pictures.refused()


def test_files_in_folders_have_their_outputs_in_the_same_folders(pictures: Room) -> None:
    picture(pictures.bundle / "annotation_files" / "deep" / "b.v2.jpg", 10, 10)
    (pictures.bundle / "annotation_files" / ".hidden").touch()
    pictures.write({"file": "a.png", "annotations": []})
    pictures.write({"file": "deep/b.v2.jpg", "annotations": []}, output_name("deep/b.v2.jpg"))
    assert (pictures.outputs / "deep" / "b.v2_annotations.json").is_file()
    pictures.check()


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tiff"])
def test_sizes_of_usual_pictures_are_known(tmp_path: Path, suffix: str) -> None:
    picture(tmp_path / "annotation_files" / f"a.{suffix}", 64, 48)
    assert not list(unfit_files(tmp_path, AnnotationType.OBJECT_DETECTION))
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    edge = {"label": "coin", "box": [63, 47, 1, 1]}
    value = {"file": f"a.{suffix}", "annotations": [edge, {**edge, "box": [63, 47, 2, 1]}]}
    (outputs / "a_annotations.json").write_text(json.dumps(value))
    with pytest.raises(TaskFailed, match=r"annotations\[1\]\.box.* 64 × 48"):
        check_annotations(outputs, tmp_path, asked(AnnotationType.OBJECT_DETECTION))


def test_more_than_can_be_read_in_time_is_refused_unread(tmp_path: Path) -> None:
    room = Room(tmp_path, AnnotationType.CLASSIFICATION)
    with (room.outputs / "a_annotations.json").open("wb") as file:
        file.truncate(MAX_TOTAL + 1)
    assert "256 MiB together" in room.refused()


@pytest.mark.parametrize(
    ("files", "wanted", "says"),
    [
        ({}, AnnotationType.CLASSIFICATION, "annotation_files/ has no files"),
        ({"a.png": b"x", "a.jpg": b"x"}, AnnotationType.CLASSIFICATION, "2 files of annotation_files/ are called 'a'"),
        ({"a.png": b"text"}, AnnotationType.OBJECT_DETECTION, "annotation_files/a.png is no picture"),
        ({"a.png": b""}, AnnotationType.OBJECT_DETECTION, "annotation_files/a.png is no picture"),
        ({"a.png": b"\x89PNG\r\n\x1a\n"}, AnnotationType.OBJECT_DETECTION, "annotation_files/a.png is no picture"),
        (
            {"a.svg": b'<?xml version="1.0"?><svg width="5" height="5"/>'},
            AnnotationType.OBJECT_DETECTION,
            "annotation_files/a.svg is no picture",
        ),
        ({"a.jpg": SLOW_JPEG}, AnnotationType.OBJECT_DETECTION, "annotation_files/a.jpg is no picture"),
        ({"a.txt": b"ok \xff"}, AnnotationType.TEXT_SPAN, "annotation_files/a.txt is no UTF-8 text, see its byte 3"),
    ],
)
def test_files_that_cannot_be_annotated_are_the_creators_fault(
    tmp_path: Path, files: dict[str, bytes], wanted: AnnotationType, says: str
) -> None:
    folder = tmp_path / "annotation_files"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert says in "\n".join(unfit_files(tmp_path, wanted))
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    empty = {"file": next(iter(files), ""), "annotations": []}
    (outputs / "a_annotations.json").write_text(json.dumps(empty))
    with pytest.raises(TaskFailed, match=says.replace("(", r"\(")) as failed:
        check_annotations(outputs, tmp_path, asked(wanted))
    assert failed.value.category is FailureCategory.INPUT_MISMATCH


def test_an_annotation_that_takes_a_model_is_refused() -> None:
    key, question = f"{'5' * 48}/{'b' * 64}", asked(AnnotationType.TEXT_SPAN)
    stored = AnnotationDocument(
        name="x", layout="bundle", algo=Image(source=key), bundle=key, annotation=question, limits=Limits()
    )
    assert read_document(stored.encode()) == stored
    with pytest.raises(ValueError, match="an annotation takes no models"):
        AnnotationDocument(**(dict(stored) | {"models": (ModelOf(task=1),)}))
