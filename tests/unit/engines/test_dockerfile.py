"""Translation of Dockerfiles: images are named by their ids, and unsupported instructions are refused."""

import pytest

from node_runtime.engines.docker.dockerfile import LEFT_LABEL, check_triggers, read_recipe
from node_runtime.engines.docker.images import source_of, tag_of

LOCAL = "node-runtime/base:1234"
LABEL = f"LABEL {LEFT_LABEL}=1"


def built(text: str, *, arguments: tuple[str, ...] = ()) -> str:
    """Translate with each image's name as its id."""
    return read_recipe(text, base=LOCAL).text({}, arguments=arguments)


@pytest.mark.parametrize(
    "text",
    [
        "ARG VERSION=3.11\nFROM python:${VERSION}-slim\n",
        'ARG V="3.11-slim"\nARG NAME=python:$V\nFROM ${NAME:-debian}\n',
        "FROM ${IMAGE:-python:3.11-slim}\n",
        "FROM \\\n  # which one\n  python:3.11-slim\n",
        "# escape=`\nFROM `\n  python:3.11-slim\n",
        "from python:3.11-slim\r\n",
    ],
)
def test_an_image_is_seen_however_its_name_is_written(text: str) -> None:
    recipe = read_recipe(text, base=LOCAL)
    assert recipe.images == ("python:3.11-slim",)
    assert f"FROM sha256:1\n{LABEL}\n" in recipe.text({"python:3.11-slim": "sha256:1"}, arguments=())


def test_the_base_image_is_the_build_argument() -> None:
    assert read_recipe("ARG BASE_IMAGE=python:3.11\nFROM ${BASE_IMAGE}\n", base=LOCAL).images == (LOCAL,)


def test_a_line_of_a_program_that_looks_like_an_instruction_stays_as_it_is() -> None:
    text = 'FROM a\nRUN python -c "import sys; \\\nfrom pathlib import Path; \\\nprint(Path())"\n'
    assert built(text) == text.replace("FROM a\n", f"FROM a\n{LABEL}\n", 1)
    assert read_recipe(text, base=LOCAL).images == ("a",)


def test_arguments_are_known_in_every_stage() -> None:
    output = built("FROM a\nRUN x\nfrom b\n", arguments=("PIP_INDEX_URL",))
    assert output == f"FROM a\n{LABEL}\nARG PIP_INDEX_URL\nRUN x\nFROM b\n{LABEL}\nARG PIP_INDEX_URL\n"


def test_every_image_is_named_by_its_id_and_no_stage_is() -> None:
    text = (
        "FROM a AS First\nFROM first AS second\nCOPY --from=FIRST /x /\nCOPY --from=0 /x /\n"
        "COPY --chown=1:1 --fr\\\nom=b /from=b /y\nFROM scratch\nCOPY --from=second x /\n"
    )
    recipe = read_recipe(text, base=LOCAL)
    assert recipe.images == ("a", "b")
    assert recipe.text({"a": "sha256:1", "b": "sha256:2"}, arguments=()) == (
        f"FROM sha256:1 AS First\n{LABEL}\nFROM first AS second\n{LABEL}\nCOPY --from=FIRST /x /\n"
        f"COPY --from=0 /x /\nCOPY --chown=1:1 --from=sha256:2 /from=b /y\nFROM scratch\n{LABEL}\n"
        "COPY --from=second x /\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "ADD http://127.0.0.1:1/ /x",
        "add HTTPS://127.0.0.1/ /x",
        "ADD a http://127.0.0.1:1/ /x",
        'ADD ["http://127.0.0.1:1/", "/x"]',
        'ADD h"tt"p://127.0.0.1:1/ /x',
        "ADD ht\\tp://127.0.0.1:1/ /x",
        "ARG U=http://127.0.0.1:1/\nADD $U /x",
        "ENV U=ttp://127.0.0.1:1/\nADD h${U} /x",
        "ADD ${U:-http://127.0.0.1:1/} /x",
        "ADD --chown=1:1 \\\n # here\n http://127.0.0.1:1/ \\\n /x",
        "A\\\nDD http://127.0.0.1:1/ /x",
        "ONBUILD ADD http://127.0.0.1:1/ /x",
        "ONBUILD\tADD\t$U\t/x",
        "ADD git@127.0.0.1:a/b /x",
        "ADD git://127.0.0.1/a /x",
        "ADD github.com/a/b /x",
    ],
)
def test_an_add_that_reads_from_the_nodes_network_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"line \d: ADD of an address"):
        read_recipe(f"FROM a\n{line}\n", base=LOCAL)


@pytest.mark.parametrize("line", ["ADD a.tar.gz /x", "ADD data/$NAME /x", "ADD ./$NAME /x", "COPY $NAME /x", "ADD . /"])
def test_an_add_of_a_file_of_the_folder_is_built(line: str) -> None:
    assert line in built(f"FROM a\n{line}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FROM a\nRUN <<EOF\nADD http://127.0.0.1:1/ /x\nEOF\n", "line 2: a heredoc needs BuildKit"),
        ("FROM a\nCOPY <<EOF /x\nthe text\nEOF\n", "line 2: a heredoc needs BuildKit"),
        ("FROM a\nONBUILD RUN <<EOF\nADD http://127.0.0.1:1/ /x\nEOF\n", "line 2: unterminated heredoc"),
        ("FROM a\nRUN --mount=type=cache,target=/x pip\n", "line 2: RUN --mount needs BuildKit"),
        ("FROM a\nCOPY --link a b\n", "line 2: COPY --link needs BuildKit"),
        ("FROM a\nCOPY --chmod=755 a b\n", "line 2: COPY --chmod needs BuildKit"),
        ("FROM a\nCOPY --from=$X a b\n", "a variable isn't replaced there"),
        ("FROM a\n\0ADD http://127.0.0.1:1/ /x\n", "NUL"),
        ("FROM $NOTHING\n", "names no image"),
        ("FROM a b\n", "FROM has one image"),
        ("FROM 127.0.0.1:5000/private\n", "registry on the node's own machine"),
        ("FROM a\nCOPY --from=LOCALHOST/private:1 /x /\n", "registry on the node's own machine"),
        ("FROM 127.1/private\n", "registry on the node's own machine"),
        ("ARG R=[::1]:5000\nFROM $R/private@sha256:1\n", "registry on the node's own machine"),
        ("RUN true\n", "no FROM"),
        ("FROM a\n" + "RUN true\n" * 2000, "more than 1000"),
        ("FROM a\n" * 500, "more than 64 images"),
        ("FROM a\n" + "COPY --from=b x y\n" * 500, "more than 64 images"),
        ("ARG A=aa\n" + "ARG A=$A$A\n" * 100 + "FROM $A\n", "more than 4096 characters"),
        ("", "no instructions"),
    ],
)
def test_what_a_node_cant_build_is_told_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_recipe(text, base=LOCAL)


@pytest.mark.parametrize("name", ["ghcr.io/a/b:1", "127.0.0.1", "a/b", "registry.example:5000/a", "10.0.0.1/a", LOCAL])
def test_an_image_of_any_other_registry_is_built_on(name: str) -> None:
    assert read_recipe(f"FROM {name}\n", base=LOCAL).images == (name,)


def test_an_images_own_triggers_may_do_no_more_than_a_dockerfile() -> None:
    check_triggers(["RUN true", "COPY . /"])
    with pytest.raises(ValueError, match="ADD of an address"):
        check_triggers(["RUN true", "ADD http://127.0.0.1:1/ /x"])


def test_a_tag_changes_with_the_folder_with_each_image_and_with_the_arguments() -> None:
    tags = [
        tag_of("d1", {"a": "1"}, {}),
        tag_of("d2", {"a": "1"}, {}),
        tag_of("d1", {"a": "2"}, {}),
        tag_of("d1", {"a": "1", "b": "1"}, {}),
        tag_of("d1", {"a": "1"}, {"PIP_INDEX_URL": "https://index.example"}),
    ]
    assert len(set(tags)) == len(tags)
    assert tag_of("d1", {"a": "1", "b": "2"}, {}) == tag_of("d1", {"b": "2", "a": "1"}, {})
    assert source_of("d1", {"x": "1", "y": "2"}) == source_of("d1", {"y": "2", "x": "1"})
