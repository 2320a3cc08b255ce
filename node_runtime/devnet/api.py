"""What can the host ask a runtime, and what do the answers mean? One function a question."""

from dataclasses import dataclass

from .host import Runtime
from .scale import Reader, prefixed
from .state import Overlay

_EXTERNAL = b"\2"  # TransactionSource: it came from outside
_METADATA = 14  # the newest that substrate-interface reads


@dataclass(frozen=True, kw_only=True)
class Version:
    """Which runtime this is. ``apis`` are the 8-byte ids and versions of what it answers."""

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
    """What the runtime says of a good transaction. It can stand in a block once all tags in ``requires`` are provided;
    ``longevity`` is in blocks."""

    priority: int
    requires: tuple[bytes, ...]
    provides: tuple[bytes, ...]
    longevity: int


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why the runtime does not take a transaction: ``TransactionValidityError`` of sp-runtime."""

    unknown: bool
    variant: int
    text: str

    @property
    def exhausts_block(self) -> bool:
        return not self.unknown and self.variant == 6


@dataclass(frozen=True, kw_only=True)
class Fee:
    """What a transaction weighs (picoseconds, bytes of proof) and costs (base units)."""

    ref_time: int
    proof_size: int
    dispatch_class: str
    fee: int


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
    """The runtime's description of itself, in version 14."""
    answer = runtime.call("Metadata_metadata_at_version", _METADATA.to_bytes(4, "little"), overlay)
    if answer[0]:
        return Reader(answer, 1).prefixed()
    return Reader(runtime.call("Metadata_metadata", b"", overlay)).prefixed()


def validate(runtime: Runtime, overlay: Overlay, extrinsic: bytes, block_hash: bytes) -> Validity | Refusal:
    """Judge a transaction at the overlay's state, which is that after the block with this hash."""
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


def apply(runtime: Runtime, overlay: Overlay, extrinsic: bytes) -> Refusal | None:
    """Add an extrinsic to the block being built in ``overlay``. What a dispatch that fails leaves (the fee) stays."""
    reader = Reader(runtime.call("BlockBuilder_apply_extrinsic", extrinsic, overlay))
    return _refusal(reader) if reader.u8() else None


def inherents(runtime: Runtime, overlay: Overlay, time: int) -> list[bytes]:
    """The extrinsics that every block needs; ``time`` in milliseconds since 1970."""
    data = b"\4" + b"timstap0" + prefixed(time.to_bytes(8, "little"))
    reader = Reader(runtime.call("BlockBuilder_inherent_extrinsics", data, overlay))
    return [prefixed(inherent) for inherent in reader.prefixed_list()]


def slot_duration(runtime: Runtime, overlay: Overlay) -> int:
    """Milliseconds."""
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


def _refusal(reader: Reader) -> Refusal:
    unknown = bool(reader.u8())
    variant = reader.u8()
    texts = _UNKNOWN if unknown else _INVALID
    text = texts[variant] if variant < len(texts) else f"reason {variant}"
    if text == "Custom error":
        text = f"Custom error: {reader.u8()}"
    return Refusal(unknown=unknown, variant=variant, text=text)
