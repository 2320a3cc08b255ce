//! The nouns of the registry: what an asset, an objective and a model are.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;

/// Base units; one UNIT is 10^12 of them.
pub type Balance = u128;
/// Milliseconds of chain time.
pub type Moment = u64;
/// sha256 of a tree's manifest.
pub type Digest = [u8; 32];
pub type ObjectiveId = u64;
/// A model bears the id of the submission it came with.
pub type ModelId = u64;
pub type Uri = BoundedVec<u8, ConstU32<256>>;
pub type Name = BoundedVec<u8, ConstU32<64>>;
pub type Samples = BoundedVec<Digest, ConstU32<256>>;
/// The models a model was made from.
pub type Lineage = BoundedVec<ModelId, ConstU32<16>>;
/// A task names few objectives, so that its inputs can be checked against each.
pub type ObjectiveIds = BoundedVec<ObjectiveId, ConstU32<4>>;

/// What a data sample may be used for, as its owner declared once and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Label {
	Train,
	Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum AssetKind {
	DataSample(Label),
	Opener,
	Algo,
	Metric,
	Bundle,
	/// Imported: trained elsewhere, so nobody knows on what.
	Model,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Visibility {
	/// The bytes are in storage, for anyone assigned.
	Shared,
	/// Only the owner's node holds the bytes.
	Private,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Asset {
	pub kind: AssetKind,
	pub visibility: Visibility,
	pub uri: Uri,
}

#[derive(
	Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct AssetRef<AccountId> {
	pub owner: AccountId,
	pub digest: Digest,
}

/// Whether a higher or a lower score is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Direction {
	Higher,
	Lower,
}

/// What models are measured by. Metric, opener and samples are assets of the objective's owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Objective<AccountId> {
	pub owner: AccountId,
	pub name: Name,
	pub metric: Digest,
	pub opener: Digest,
	pub direction: Direction,
	/// Micro-units of the score within which two evaluations agree.
	pub tolerance: i64,
	pub samples: Samples,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Model<AccountId> {
	/// Who paid for it.
	pub owner: AccountId,
	/// Who made it.
	pub trainer: AccountId,
	pub digest: Digest,
	pub uri: Uri,
	pub parents: Lineage,
	/// The objectives whose Test samples no step of its making has seen.
	pub clean_for: ObjectiveIds,
}
