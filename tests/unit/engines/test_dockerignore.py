"""The .dockerignore patterns exclude the documented paths and match in linear time."""

import pytest

from node_runtime.engines.docker.dockerignore import (
    MOST_BYTES,
    MOST_CHARACTERS,
    MOST_PATTERNS,
    is_excluded,
    read_patterns,
)


def is_left_out(path: str, *lines: str) -> bool:
    return is_excluded(path, read_patterns("\n".join(lines).encode()))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("secret", "secret"),
        ("/secret/", "secret"),
        ("folder", "folder/inner/file"),
        ("*.pyc", "a.pyc"),
        ("*/b", "a/b"),
        ("**/secret", "secret"),
        ("**/secret", "a/b/secret"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("a/**", "a/b/c"),
        ("**", "a/b"),
        ("**.pyc", "a/b.pyc"),
        ("a/../b", "b"),
        ("a?c", "abc"),
        ("[!a]x", "bx"),
        ("[^a]x", "bx"),
    ],
)
def test_what_a_pattern_names_is_left_out(pattern: str, path: str) -> None:
    assert is_left_out(path, pattern)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("secret", "a/secret"),
        ("Secret", "secret"),
        ("*.pyc", "a/b.pyc"),
        ("a/**", "a"),
        ("a/*/b", "a/b"),
        ("folder/inner", "folder"),
        ("[^a]x", "ax"),
        ("# secret", "secret"),
        (".", "a"),
        ("..", "a"),
        ("[z-a]", "z"),
    ],
)
def test_what_it_does_not_name_stays(pattern: str, path: str) -> None:
    assert not is_left_out(path, pattern)


def test_the_last_pattern_that_matches_counts() -> None:
    assert not is_left_out("README.md", "*.md", "!README.md")
    assert not is_left_out("folder/kept", "folder", "!folder/kept")
    assert is_left_out("README.md", "!README.md", "*.md")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 100 + "b", "a" * 255),
        ("**/" * 300 + "b", "/".join("a" * 64)),
        ("**/a/" * 200 + "b", "/".join("a" * 64)),
        ("[a-z]*" * 100 + "0", "a" * 255),
    ],
    ids=["stars", "folders", "both", "ranges"],
)
def test_a_pattern_made_to_be_tried_in_every_way_is_answered(pattern: str, path: str) -> None:
    """A backtracking regular expression would effectively never end and block all threads."""
    assert not is_left_out(path, *[pattern] * 50)


@pytest.mark.parametrize(
    "content",
    [b"caf\xe9\n", b"#" * (MOST_BYTES + 1), b"a\n" * (MOST_PATTERNS + 1), b"a" * (MOST_CHARACTERS + 1)],
    ids=["not text", "large", "many", "long"],
)
def test_more_than_anybody_needs_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_patterns(content)
