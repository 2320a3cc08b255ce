"""Build of the chain's wasm from these sources with Debian's Rust: the same bits on every machine.

    build.py            build the wasm and put it, compressed, into the package
    build.py --check    check that the committed wasm was built from these sources (no compiler needed)
    build.py --verify   build again: the same compiler must give the committed bits, another one only warns

Debian's packages are the one source of a standard library for wasm32v1-none that needs no rustup.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import wasmtime
import zstandard

WORKSPACE = Path(__file__).resolve().parent
PACKAGED = WORKSPACE.parent.parent / "node_runtime" / "devnet" / "runtime"
BLOB, RECORD = PACKAGED / "chain_runtime.compressed.wasm", PACKAGED / "chain_runtime.json"
TARGET = WORKSPACE / "target"
TRIPLE = "wasm32v1-none"
PACKAGES = ("rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22")
LINKER = "/usr/bin/ld.lld-22"
# sp-maybe-compressed-blob: these eight bytes, then a zstd frame.
MAGIC = bytes([82, 188, 83, 118, 70, 219, 142, 5])
# What a node demands of a runtime blob: its memory is the host's, its table can be read.
LINK_FLAGS = ["-Clink-arg=--export-table", "-Clink-arg=--allow-undefined", "-Clink-arg=--import-memory"]


def main() -> None:
    """Does what the command line asks, and ends with a message where that is refused."""
    modes = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = modes.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="only compare digests")
    mode.add_argument("--verify", action="store_true", help="build again and compare bits")
    chosen = modes.parse_args()
    if chosen.check:
        check()
    elif chosen.verify:
        verify()
    else:
        publish(build())


def sources_digest() -> str:
    """sha256 over every Rust source, Cargo.toml and Cargo.lock: path, length and bytes, sorted by path."""
    digest = hashlib.sha256()
    listed = [path for pattern in ("*.rs", "Cargo.toml", "Cargo.lock") for path in WORKSPACE.rglob(pattern)]
    for path in sorted(path.relative_to(WORKSPACE).as_posix() for path in listed if TARGET not in path.parents):
        content = (WORKSPACE / path).read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def check() -> None:
    """Refuses when the sources changed after the wasm was built, or the wasm is not the recorded one."""
    record = json.loads(RECORD.read_text())
    if sources_digest() != record["sources_sha256"]:
        sys.exit("images/chain changed after its wasm was built; run `make chain` and commit what it wrote")
    if hashlib.sha256(packaged_wasm()).hexdigest() != record["wasm_sha256"]:
        sys.exit(f"{BLOB.name} is not what {RECORD.name} records; run `make chain` and commit both")
    print("chain: the wasm belongs to these sources")


def verify() -> None:
    """Builds and compares with what is committed; the fresh wasm stays in target/ for whoever wants to test it."""
    check()
    record, wasm = json.loads(RECORD.read_text()), build()
    if hashlib.sha256(wasm).hexdigest() == record["wasm_sha256"]:
        print("chain: rebuilt, the same bits")
    elif compiler_versions() == {key: record[key] for key in ("rustc", "lld")}:
        sys.exit("the same compiler gave other bits than the committed wasm; run `make chain` and commit it")
    else:
        print(f"chain: warning: built with {compiler_versions()}, committed with {record}; the bits differ")


def packaged_wasm() -> bytes:
    """The committed wasm, uncompressed."""
    blob = BLOB.read_bytes()
    if not blob.startswith(MAGIC):
        sys.exit(f"{BLOB} is no compressed runtime; run `make chain`")
    return zstandard.decompress(blob[len(MAGIC) :], max_output_size=64 * 2**20)


def build(*features: str) -> bytes:
    """The linked wasm of the runtime, checked for what it imports and for traces of this machine."""
    install_toolchain()
    flags = ["--cfg=substrate_runtime", "-Cembed-bitcode=yes", f"--sysroot={standard_library()}"]
    flags += LINK_FLAGS + remappings()
    cargo("rustc", "--release", "--locked", "--target", TRIPLE, "-p", "chain-runtime", "--no-default-features",
          "--crate-type", "cdylib", f"--features={','.join(features)}",
          folder=WORKSPACE, target=TARGET, flags=flags)  # fmt: skip
    wasm = (TARGET / TRIPLE / "release" / "chain_runtime.wasm").read_bytes()
    refuse_foreign_imports(wasm)
    refuse_traces(wasm)
    return wasm


def install_toolchain() -> None:
    """Installs Debian's packages where they are missing and we may; else says what to do."""
    if all(Path(path).exists() for path in ("/usr/bin/rustc", "/usr/bin/cargo", LINKER, rust_sources())):
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"the chain is built with Debian's Rust; as root on Debian or Ubuntu: {' '.join(install)}")
    if subprocess.run(["apt-get", "update"]).returncode or subprocess.run(install).returncode:
        sys.exit("Debian's Rust can't be installed (apt-get says why); it is in the suite bookworm-security, which"
                 " /etc/apt/sources.list has to name")  # fmt: skip


def standard_library() -> Path:
    """A sysroot with core and alloc for the wasm target, built once per compiler.

    They are built with bitcode, because the link of the wasm optimises across crates.
    """
    version = printed("/usr/bin/rustc", "--version").split()[1]
    sysroot = TARGET / "sysroot" / version
    libraries = sysroot / "lib" / "rustlib" / TRIPLE / "lib"
    if not libraries.exists():
        empty = TARGET / "empty"
        (empty / "src").mkdir(parents=True, exist_ok=True)
        (empty / "src" / "lib.rs").write_text("#![no_std]\n")
        (empty / "Cargo.toml").write_text('[package]\nname = "empty"\nedition = "2021"\n[workspace]\n')
        cargo("build", "--release", "-Zbuild-std=core,alloc", "--target", TRIPLE, folder=empty, target=empty / "target",
              flags=["-Cembed-bitcode=yes", *remappings()], RUSTC_BOOTSTRAP="1")  # fmt: skip
        partial = libraries.with_name("lib.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for library in (empty / "target" / TRIPLE / "release" / "deps").glob("*.rlib"):
            if not library.name.startswith("libempty"):
                shutil.copy(library, partial)
        partial.rename(libraries)
    return sysroot


def remappings() -> list[str]:
    """Compiler flags that keep this machine's folders and its registry's name out of panic messages."""
    registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry" / "src"
    folders = {str(folder): "crates" for folder in sorted(registry.glob("*"))}
    folders |= {str(WORKSPACE): "chain", str(rust_sources()): "rust", str(rust_sources().resolve()): "rust"}
    return [f"--remap-path-prefix={folder}={name}" for folder, name in folders.items()]


def rust_sources() -> Path:
    """Where Debian's rust-web-src puts the standard library's sources."""
    return Path("/usr/lib/rustlib/src/rust")


def cargo(*arguments: str, folder: Path, target: Path, flags: list[str], **extra: str) -> None:
    """Runs Debian's cargo, whatever else is called cargo on this machine."""
    environment = os.environ | {"PATH": "/usr/bin:/bin", "CARGO_TARGET_DIR": str(target), **extra}
    environment["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    if subprocess.run(["/usr/bin/cargo", *arguments], cwd=folder, env=environment, check=False).returncode:
        sys.exit(f"cargo {arguments[0]} failed in {folder}; its messages stand above")


def compiler_versions() -> dict[str, str]:
    """What decides the bits, beside the sources."""
    return {"rustc": printed("/usr/bin/rustc", "--version").strip(), "lld": printed(LINKER, "--version").strip()}


def printed(*command: str) -> str:
    """A command's standard output."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def refuse_foreign_imports(wasm: bytes) -> None:
    """A name the linker could not resolve becomes an import: only a node's own are allowed."""
    module = wasmtime.Module(wasmtime.Engine(), wasm)
    names = [f"{item.module}.{item.name}" for item in module.imports]
    foreign = [name for name in names if name != "env.memory" and not name.startswith("env.ext_")]
    if foreign:
        sys.exit(f"the wasm wants what no node offers: {', '.join(foreign)}")


def refuse_traces(wasm: bytes) -> None:
    """The committed wasm must not depend on, or tell of, the machine that built it."""
    traces = [str(WORKSPACE), str(Path.home()), ".cargo", "crates.io", "/home/", "/root/", "/usr/src/"]
    found = [trace for trace in traces if trace.encode() in wasm]
    if found:
        sys.exit(f"the wasm carries paths of this machine: {', '.join(found)}; see remappings()")


def constants(wasm: bytes) -> dict[str, dict[str, int]]:
    """The constants of our pallets, from the runtime's metadata; `check` reads them in the record."""
    from node_runtime.devnet import runtime_api
    from node_runtime.devnet.state.state import EmptyView, Overlay
    from node_runtime.devnet.wasm.compiled import default_cache
    from node_runtime.devnet.wasm.host import Runtime
    from node_runtime.substrate.codec import Codec, RuntimeVersion

    runtime, nothing = Runtime(wasm, default_cache()), Overlay(EmptyView(), lambda: None)
    version = runtime_api.version(runtime, nothing)
    known = RuntimeVersion(genesis="", code="", spec=version.spec_version, transaction=version.transaction_version)
    codec = Codec(known, runtime_api.metadata(runtime, nothing))
    return {pallet: codec.constants(pallet) for pallet in ("Registry", "Tasks")}


def publish(wasm: bytes) -> None:
    """Writes the compressed wasm and its record into the package."""
    PACKAGED.mkdir(parents=True, exist_ok=True)
    record: dict[str, object] = {"sources_sha256": sources_digest(), "wasm_sha256": hashlib.sha256(wasm).hexdigest()}
    record["constants"] = constants(wasm)
    BLOB.write_bytes(MAGIC + zstandard.compress(wasm, level=19))
    RECORD.write_text(json.dumps(record | compiler_versions(), indent=2) + "\n")
    print(f"chain: {len(wasm):,} bytes of wasm, {BLOB.stat().st_size:,} compressed, in {PACKAGED}")


if __name__ == "__main__":
    main()
