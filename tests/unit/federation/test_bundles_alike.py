"""The example bundles, which are self-contained, carry identical copies of shared files."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[3]


def test_every_bundle_reads_and_writes_models_in_the_same_way() -> None:
    copies = {path.read_text() for path in CHECKOUT.glob("assets/model_*/files.py")}
    assert len(copies) == 1


def test_scoring_shares_the_tensorflow_image_up_to_its_own_lines() -> None:
    image, scoring = CHECKOUT / "images/tensorflow", CHECKOUT / "assets/model_scoring"
    assert (image / "requirements.txt").read_text() == (scoring / "requirements.txt").read_text()
    shared = (image / "Dockerfile").read_text().partition("ARG BASE_IMAGE")[2]
    assert (scoring / "Dockerfile").read_text().startswith(f"ARG BASE_IMAGE{shared}")
