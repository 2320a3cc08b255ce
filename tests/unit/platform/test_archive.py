"""Archives are unpacked as untrusted: what they hold, claim and hide is refused with place, reason and remedy."""

import gzip
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from node_runtime.platform import archive
from node_runtime.platform.archive import ArchiveRefused, is_archive, unpack, unpacked

FILES = {"Dockerfile": b"FROM scratch\n", "src/algo.py": b"print(1)\n", "src/ü.txt": b""}
Made = Callable[[Path], None]


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Made:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", compression=method) as file:
            for name, content in entries:
                file.writestr(name, content)

    return make


def tarred(*entries: tuple[str | tarfile.TarInfo, bytes], mode: str = "w", format: int = tarfile.PAX_FORMAT) -> Made:
    def make(path: Path) -> None:
        with tarfile.open(path, mode, format=format) as file:  # type: ignore[call-overload]
            for name, content in entries:
                info = tarfile.TarInfo(name) if isinstance(name, str) else name
                info.size = len(content) or info.size
                file.addfile(info, io.BytesIO(content))

    return make


def zip_entry(name: str, *, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def raw(content: bytes) -> Made:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def patched(make: Made, old: bytes, new: bytes) -> Made:
    """Make an archive and replace some of its bytes."""

    def made(path: Path) -> None:
        make(path)
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return made


def header(kind: bytes = tarfile.REGTYPE, *, size: int = 0) -> bytes:
    """Return the header of a tar's entry, and room after it."""
    return tar_entry("x", kind, size=size).tobuf(tarfile.GNU_FORMAT) + bytes(2048)


def entry(content: bytes, name: str = "x") -> bytes:
    """Return a tar of one file, as bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def refused(tmp_path: Path, make: Made) -> str:
    path, target = tmp_path / "algo.archive", tmp_path / "out"
    make(path)
    target.mkdir(exist_ok=True)
    with pytest.raises(ArchiveRefused) as caught:
        unpack(path, target)
    for found in tmp_path.rglob("*"):
        assert stat.S_ISREG(found.lstat().st_mode) or stat.S_ISDIR(found.lstat().st_mode)
    assert {one.name for one in tmp_path.iterdir()} == {"algo.archive", "out"}
    return str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        zipped(*FILES.items()),
        zipped(*FILES.items(), method=zipfile.ZIP_STORED),
        tarred(*FILES.items()),
        tarred(*FILES.items(), mode="w:gz"),
        tarred(*FILES.items(), format=tarfile.GNU_FORMAT),
        tarred((tar_entry("./", tarfile.DIRTYPE), b""), *((f"./{name}", text) for name, text in FILES.items())),
    ],
)
def test_an_archive_becomes_its_files(tmp_path: Path, make: Made) -> None:
    path = tmp_path / "named-as-it-likes"
    make(path)
    assert is_archive(path)
    with unpacked(path, nullcontext(tmp_path)) as folder:
        found = {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    assert found == FILES


def test_the_run_bit_of_a_file_stays_and_no_other(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w") as file:
        for name, mode in (("run", 0o6777), ("read", 0o640)):
            info = tarfile.TarInfo(name)
            info.mode = mode
            file.addfile(info)
    with zipfile.ZipFile(tmp_path / "b", "w") as zipped_file:
        zipped_file.writestr(zip_entry("run", mode=stat.S_IFREG | 0o4755), b"")
        zipped_file.writestr(zip_entry("read", mode=stat.S_IFREG | 0o600), b"")
    for name in ("a", "b"):
        (tmp_path / f"out-{name}").mkdir()
        unpack(tmp_path / name, tmp_path / f"out-{name}")
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / f"out-{name}").iterdir()}
        assert modes == {"run": 0o755, "read": 0o644}


def test_a_zip64_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as file, file.open("Dockerfile", "w", force_zip64=True) as content:
        content.write(b"FROM scratch\n")
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "a", tmp_path / "out")
    assert (tmp_path / "out" / "Dockerfile").read_bytes() == b"FROM scratch\n"


def test_other_files_are_no_archives(tmp_path: Path) -> None:
    for content in (b"", b"FROM scratch\n", b"BZh91AY", b"\xfd7zXZ\x00", b"PK", bytes(600)):
        (tmp_path / "a.zip").write_bytes(content)
        assert not is_archive(tmp_path / "a.zip")
    assert not is_archive(tmp_path)
    (tmp_path / "a.tar.xz").write_bytes(b"\xfd7zXZ\x00")
    with pytest.raises(ArchiveRefused, match=r"^it is neither a zip nor a tar nor a tar.gz; pack it as one of them$"):
        unpacked(tmp_path / "a.tar.xz", nullcontext(tmp_path)).__enter__()


LINK = "is a link; put there what it points to: only regular files and folders are kept"
DEVICE = "is a device or a pipe; leave it out: only regular files and folders are kept"
OUT = "leads out of the archive by '..'; pack the folder's content alone"
ABSOLUTE = "is an absolute path; pack the folder's content with relative ones"
TWICE = "x is in it twice; pack it again, with each file once"
CLASH = "are one name on other machines; rename one"
CUT = "it is damaged: Compressed file ended before the end-of-stream marker was reached; pack it again"
BAD = "it is damaged: Bad CRC-32 for file 'x'; pack it again"
METHOD = "x is not compressed by deflate; pack it again, by a usual program"
ODD = "is not UTF-8 or has control characters; rename it, and pack it again"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (zipped(("../evil", b"x")), f"../evil {OUT}"),
        (zipped(("a/../../evil", b"x")), f"a/../../evil {OUT}"),
        (tarred(("../evil", b"x")), f"../evil {OUT}"),
        (tarred((tar_entry("..", tarfile.DIRTYPE), b"")), f".. {OUT}"),
        (zipped(("/etc/evil", b"x")), f"/etc/evil {ABSOLUTE}"),
        (tarred(("/etc/evil", b"x"), mode="w:gz"), f"/etc/evil {ABSOLUTE}"),
        (tarred((tar_entry("x", tarfile.SYMTYPE, link="/etc/passwd"), b"")), f"x {LINK}"),
        (tarred(("y", b"1"), (tar_entry("x", tarfile.LNKTYPE, link="y"), b"")), f"x {LINK}"),
        (zipped((zip_entry("x", mode=stat.S_IFLNK | 0o777), b"/etc/passwd")), f"x {LINK}"),
        (tarred((tar_entry("x", tarfile.CHRTYPE), b"")), f"x {DEVICE}"),
        (tarred((tar_entry("x", tarfile.FIFOTYPE), b"")), f"x {DEVICE}"),
        (zipped((zip_entry("x", mode=stat.S_IFIFO | 0o666), b"")), f"x {DEVICE}"),
        (tarred((tar_entry("x", b"Z"), b"")), f"x {DEVICE}"),
        (tarred(("x", b"1"), ("x", b"2")), TWICE),
        (tarred(("x", b"1"), ("./x", b"2")), TWICE),
        (tarred(("x", b"1"), ("x/y", b"2")), TWICE),
        (tarred(("x/y", b"1"), ("x", b"2")), TWICE),
        (zipped(("Dockerfile", b"1"), ("dockerfile", b"2")), f"Dockerfile and dockerfile {CLASH}"),
        (tarred(("src/a", b"1"), ("SRC/b", b"2")), f"src and SRC {CLASH}"),
        (tarred(("u\u0308", b"1"), ("\u00fc", b"2")), f"u\u0308 and \u00fc {CLASH}"),
        (zipped(("a\\evil", b"x")), "a\\evil has a backslash; pack it by a program that separates folders by '/'"),
        (zipped(("a//b", b"x")), "a//b has an empty or '.' part; pack it again"),
        (zipped(("a/./b", b"x")), "a/./b has an empty or '.' part; pack it again"),
        (tarred(("a\nb", b"x")), f"a\\nb {ODD}"),
        (patched(zipped(("a_b", b"x")), b"a_b", b"a\0b"), f"a\\x00b {ODD}"),
        (patched(zipped(("a_b", b"x")), b"a_b", b"a\xffb"), "a name in it is not UTF-8; rename it, and pack it again"),
        (
            patched(tarred(("a__b", b"x"), format=tarfile.USTAR_FORMAT), b"a__b", b"a\xff\xfeb"),
            "it is damaged: bad checksum; pack it again",
        ),
        (tarred(("b" * 256, b"x")), f"{'b' * 40}… is longer than 255 bytes, or 1024 with folders; rename it"),
        (tarred(("/".join(["a"] * 65), b"x")), f"{('a/' * 20)}… is deeper than 64 folders; use fewer folders"),
        (raw(header(tarfile.GNUTYPE_SPARSE)), "x is a sparse file; pack it without --sparse"),
        (raw(b"PK\x03\x04" + bytes(100)), "it is damaged: File is not a zip file; pack it again"),
        (raw(b"\x1f\x8b" + bytes(100)), "it is damaged: Unknown compression method; pack it again"),
        (raw(gzip.compress(b"no tar at all")), "it is damaged: truncated header; pack it again"),
        (raw(gzip.compress(entry(random.Random(1).randbytes(2000)))[:-1500]), CUT),
        (raw(entry(bytes(2000))[:1500]), "it is damaged: unexpected end of data; pack it again"),
        (patched(zipped(("x", b"12345"), method=0), b"12345", b"54321"), BAD),
        (zipped(("x", b"1" * 99), method=zipfile.ZIP_LZMA), METHOD),
    ],
)  # fmt: skip
def test_a_hostile_archive_is_refused_with_its_reason(tmp_path: Path, make: Made, told: str) -> None:
    assert refused(tmp_path, make) == told


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    make = zipped(("x", b"12345"))
    make(tmp_path / "plain")
    content = bytearray((tmp_path / "plain").read_bytes())
    (tmp_path / "plain").unlink()
    content[6] |= 1  # the flags of the local header and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refused(tmp_path, raw(bytes(content))) == "x is encrypted; pack it without a password"


TOO_MUCH = "claim more than 16 MiB in all, too much for an archive of this size; leave out what the image doesn't need"


@pytest.mark.parametrize(
    ("make", "at"),
    [
        (zipped(("bomb", bytes(17 << 20))), "bomb"),
        (zipped(*((str(number), bytes(1 << 20)) for number in range(17))), "16"),
        (tarred(("bomb", bytes(17 << 20)), mode="w:gz"), "bomb"),
        (raw(header(size=1 << 60)), "x"),
        (raw(header(size=-1)), "x"),
    ],
    ids=["zip", "many", "tar.gz", "claim", "negative"],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, make: Made, at: str) -> None:
    assert refused(tmp_path, make) == f"the files up to {at} {TOO_MUCH}"
    assert sum(one.stat().st_size for one in (tmp_path / "out").rglob("*") if one.is_file()) <= 16 << 20


@pytest.mark.parametrize(
    "make", [zipped(*((str(number), b"") for number in range(21))), tarred(*((f"d{one}/x", b"") for one in range(11)))]
)
def test_an_archive_of_too_many_entries_is_refused(tmp_path: Path, make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 20)
    assert refused(tmp_path, make) == "it has more than 20 entries; leave out what the image doesn't need"


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    packed = gzip.compress(header(tarfile.XHDTYPE, size=8 << 30) + bytes(8 << 20))
    assert refused(tmp_path, raw(packed)) == (
        "a header or a directory in it is too large; pack it again, with fewer files"
    )


def test_an_archive_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_SECONDS", 0.0)
    assert refused(tmp_path, tarred(("x", b"1"))) == "it takes more than 0 s; pack fewer and smaller files"


def test_an_archive_in_an_archive_stays_a_file(tmp_path: Path) -> None:
    zipped(("inner.zip", b"PK\x03\x04"))(tmp_path / "a")
    with unpacked(tmp_path / "a", nullcontext(tmp_path)) as folder:
        assert [one.name for one in folder.iterdir()] == ["inner.zip"]


@pytest.mark.parametrize("make", [zipped(*FILES.items()), tarred(*FILES.items()), tarred(*FILES.items(), mode="w:gz")])
def test_a_damaged_archive_ends_in_a_refusal_or_in_files(tmp_path: Path, make: Made) -> None:
    make(tmp_path / "good")
    good, chance = (tmp_path / "good").read_bytes(), random.Random(7)
    for number in range(100):
        content = bytearray(good)
        for _ in range(chance.choice((1, 2, 8))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "bad").write_bytes(content[: chance.choice((len(content), chance.randrange(len(content))))])
        (target := tmp_path / f"out-{number}").mkdir()
        with suppress(ArchiveRefused):
            unpack(tmp_path / "bad", target)
