"""The files that pip reads for a requirements.txt, in its own format."""

from pathlib import Path

import pytest

from node_runtime.spec.requirements import Requirements, read_requirements


def made(bundle: Path, **files: str) -> Requirements:
    for name, text in files.items():
        path = bundle / name.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_requirements(bundle)


def test_files_are_followed_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        requirements_txt="numpy==2.0  # -r not.txt\n-r sub/base.txt\n --constraint = pins.txt\n-csub/../pins.txt\n",
        sub__base_txt="-r ../requirements.txt\n--requirement \\\n  'deep/more.txt'\n",
        sub__deep__more_txt="",
        pins_txt="numpy<3\n",
    )
    assert found == Requirements(files=("requirements.txt", "sub/base.txt", "pins.txt", "sub/deep/more.txt"))


@pytest.mark.parametrize(
    "line",
    [
        *("-e .", "--editable ./package", "./package", ".", "wheels/a-1-py3-none-any.whl", "package.tar.gz"),
        *("a @ file:///setup/a", "a @ ./a ; python_version > '3'", "--find-links wheels", "-f ./wheels"),
    ],
)
def test_packages_of_the_bundle_need_the_whole_of_it(tmp_path: Path, line: str) -> None:
    assert made(tmp_path, requirements_txt=f"{line}\n").local


@pytest.mark.parametrize(
    "line",
    [
        *("numpy", "a[b]==1.0 ; python_version > '3'", "--index-url https://a.example/simple", "--hash=sha256:1"),
        *(
            "a @ https://a.example/a.whl",
            "-e git+https://a.example/a.git",
            "-f https://a.example/",
            "-f https://a.example/",
        ),
        *("https://a.example/a-1.tar.gz", "-r https://a.example/requirements.txt"),
    ],
)
def test_other_requirements_need_none_of_it(tmp_path: Path, line: str) -> None:
    assert made(tmp_path, requirements_txt=f"{line}\n") == Requirements(files=("requirements.txt",))


def test_a_bundle_without_requirements_has_none(tmp_path: Path) -> None:
    assert read_requirements(tmp_path) == Requirements()
