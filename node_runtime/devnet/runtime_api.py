"""Typed wrappers of the runtime API, one function per entry point."""

from dataclasses import dataclass

from node_runtime.devnet.state.state import Overlay
from node_runtime.devnet.wasm.host import Runtime, RuntimePanic
from node_runtime.errors import InputError

from .scale import Reader, ScaleError, prefixed

_EXTERNAL = b"\2"  # TransactionSource::External
_METADATA = 14  # the newest version that substrate-interface supports


@dataclass(frozen=True, kw_only=True)
class Version:
    """A runtime's version. ``apis`` are the 8-byte ids and versions of its APIs."""

    spec_name: str
    impl_name: str
    authoring_version: int
    spec_version: int
    impl_version: int
    apis: tuple[tuple[bytes, int], ...]
    transaction_version: int
    state_version: int


@dataclass(frozen=True, kw_only=True)
class Validity:
    """The runtime's verdict on a valid transaction. It may be included once all tags in ``requires`` are provided;
    ``longevity`` is in blocks."""

    priority: int
    requires: tuple[bytes, ...]
    provides: tuple[bytes, ...]
    longevity: int


@dataclass(frozen=True, kw_only=True)
class TransactionRefusal:
    """The reason why the runtime refuses a transaction: sp-runtime's ``TransactionValidityError``."""

    unknown: bool
    variant: int
    text: str

    @property
    def exhausts_block(self) -> bool:
        return not self.unknown and self.variant == 6


@dataclass(frozen=True, kw_only=True)
class Fee:
    """A transaction's weight (picoseconds, bytes of proof) and fee (base units)."""

    ref_time: int
    proof_size: int
    dispatch_class: str
    fee: int


@dataclass(frozen=True, kw_only=True)
class FeeParts:
    """The components of a transaction's fee without a tip (base units)."""

    base: int
    length: int
    adjusted_weight: int


@dataclass(frozen=True, kw_only=True)
class LoadedRuntime:
    """A runtime with what it states about itself. ``slot_duration`` is in milliseconds."""

    runtime: Runtime
    version: Version
    slot_duration: int
    metadata: bytes


_INVALID = (
    "Transaction call is not expected",
    "Inability to pay some fees (e.g. account balance too low)",
    "Transaction will be valid in the future",
    "Transaction is outdated",
    "Transaction has a bad signature",
    "Transaction has an ancient birth block",
    "Transaction would exhaust the block limits",
    "Custom error",
    "A call was labelled as mandatory, but resulted in an Error.",
    "Transaction dispatch is mandatory; transactions must not be validated.",
    "Invalid signing address",
    "The implicit data was unable to be calculated",
    "The transaction extension did not authorize any origin",
)
_UNKNOWN = (
    "Could not lookup information required to validate the transaction",
    "Could not find an unsigned validator for the unsigned transaction",
    "Custom error",
)


def load_runtime(runtime: Runtime, overlay: Overlay) -> LoadedRuntime:
    """Ask a runtime for what it states about itself. Raises `InputError` for one that can't run a devnet."""
    try:
        return LoadedRuntime(
            runtime=runtime,
            version=version(runtime, overlay),
            slot_duration=slot_duration(runtime, overlay),
            metadata=metadata(runtime, overlay),
        )
    except (RuntimePanic, ScaleError) as failure:
        raise InputError(f"this runtime cannot run a devnet: {failure}", remedy="use this network's own") from failure


def version(runtime: Runtime, overlay: Overlay) -> Version:
    reader = Reader(runtime.call("Core_version", b"", overlay))
    return Version(
        spec_name=reader.prefixed().decode(),
        impl_name=reader.prefixed().decode(),
        authoring_version=reader.u32(),
        spec_version=reader.u32(),
        impl_version=reader.u32(),
        apis=tuple((reader.take(8), reader.u32()) for _ in range(reader.compact())),
        transaction_version=reader.u32(),
        state_version=reader.u8(),
    )


def metadata(runtime: Runtime, overlay: Overlay) -> bytes:
    """Return the runtime's metadata, version 14."""
    answer = runtime.call("Metadata_metadata_at_version", _METADATA.to_bytes(4, "little"), overlay)
    if answer[0]:
        return Reader(answer, 1).prefixed()
    return Reader(runtime.call("Metadata_metadata", b"", overlay)).prefixed()


def validate(runtime: Runtime, overlay: Overlay, extrinsic: bytes, block_hash: bytes) -> Validity | TransactionRefusal:
    """Validate a transaction at the overlay's state, which is that after the block with this hash."""
    argument = _EXTERNAL + extrinsic + block_hash
    reader = Reader(runtime.call("TaggedTransactionQueue_validate_transaction", argument, overlay))
    if reader.u8():
        return _refusal(reader)
    return Validity(
        priority=reader.u64(),
        requires=tuple(reader.prefixed_list()),
        provides=tuple(reader.prefixed_list()),
        longevity=reader.u64(),
    )


def apply(runtime: Runtime, overlay: Overlay, extrinsic: bytes) -> TransactionRefusal | None:
    """Add an extrinsic to the block being built in ``overlay``. A failed dispatch keeps its changes, e.g. the fee."""
    reader = Reader(runtime.call("BlockBuilder_apply_extrinsic", extrinsic, overlay))
    return _refusal(reader) if reader.u8() else None


def inherents(runtime: Runtime, overlay: Overlay, time: int) -> list[bytes]:
    """Return the inherent extrinsics of a block; ``time`` is in milliseconds since 1970."""
    data = b"\4" + b"timstap0" + prefixed(time.to_bytes(8, "little"))
    reader = Reader(runtime.call("BlockBuilder_inherent_extrinsics", data, overlay))
    return [prefixed(inherent) for inherent in reader.prefixed_list()]


def slot_duration(runtime: Runtime, overlay: Overlay) -> int:
    """Return the duration of a slot in milliseconds."""
    return Reader(runtime.call("AuraApi_slot_duration", b"", overlay)).u64()


def account_nonce(runtime: Runtime, overlay: Overlay, account: bytes) -> int:
    return Reader(runtime.call("AccountNonceApi_account_nonce", account, overlay)).u32()


def fee_of(runtime: Runtime, overlay: Overlay, extrinsic: bytes) -> Fee:
    argument = extrinsic + len(extrinsic).to_bytes(4, "little")
    reader = Reader(runtime.call("TransactionPaymentApi_query_info", argument, overlay))
    return Fee(
        ref_time=reader.compact(),
        proof_size=reader.compact(),
        dispatch_class=("normal", "operational", "mandatory")[reader.u8()],
        fee=reader.u128(),
    )


def fee_details_of(runtime: Runtime, overlay: Overlay, extrinsic: bytes) -> FeeParts | None:
    """Return the fee's components, None for an extrinsic without a fee."""
    argument = extrinsic + len(extrinsic).to_bytes(4, "little")
    reader = Reader(runtime.call("TransactionPaymentApi_query_fee_details", argument, overlay))
    if not reader.u8():
        return None
    return FeeParts(base=reader.u128(), length=reader.u128(), adjusted_weight=reader.u128())


def _refusal(reader: Reader) -> TransactionRefusal:
    unknown = bool(reader.u8())
    variant = reader.u8()
    texts = _UNKNOWN if unknown else _INVALID
    text = texts[variant] if variant < len(texts) else f"reason {variant}"
    if text == "Custom error":
        text = f"Custom error: {reader.u8()}"
    return TransactionRefusal(unknown=unknown, variant=variant, text=text)
