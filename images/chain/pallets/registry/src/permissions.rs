//! Permissions: whose tasks and workers may process something, who may download it and read logs of it, and which programs
//! may see a sample. An absent record permits everything.

use crate::{bounds::*, AssetKind, Digest};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;

pub type Accounts<AccountId> = BoundedVec<AccountId, ConstU32<MAX_ACCOUNTS>>;
pub type Programs = BoundedVec<Digest, ConstU32<MAX_PROGRAMS>>;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Access<AccountId> {
	Public,
	/// The owner always among them.
	Accounts(Accounts<AccountId>),
}

impl<AccountId: Clone + PartialEq> Access<AccountId> {
	pub fn allows(&self, who: &AccountId) -> bool {
		match self {
			Access::Public => true,
			Access::Accounts(accounts) => accounts.contains(who),
		}
	}

	/// What both give.
	pub fn and(self, other: &Self) -> Self {
		match (self, other) {
			(Access::Public, other) => other.clone(),
			(Access::Accounts(mut accounts), other) => {
				accounts.retain(|who| other.allows(who));
				Access::Accounts(accounts)
			}
		}
	}

	/// With the owner among its accounts; nothing where there are as many already.
	fn of(self, owner: &AccountId) -> Option<Self> {
		match self {
			Access::Accounts(mut accounts) if !accounts.contains(owner) => {
				accounts.try_push(owner.clone()).ok()?;
				Some(Access::Accounts(accounts))
			}
			other => Some(other),
		}
	}
}

/// Separate rights: to run something is not to download it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Rights<AccountId> {
	/// Of a task's creator and of its worker.
	pub process: Access<AccountId>,
	pub download: Access<AccountId>,
	pub logs: Access<AccountId>,
}

impl<AccountId: Clone + PartialEq> Rights<AccountId> {
	pub fn public() -> Self {
		Rights { process: Access::Public, download: Access::Public, logs: Access::Public }
	}

	pub fn and(self, other: &Self) -> Self {
		let Rights { process, download, logs } = self;
		let (process, download) = (process.and(&other.process), download.and(&other.download));
		Rights { process, download, logs: logs.and(&other.logs) }
	}

	pub fn is_public(&self) -> bool {
		[&self.process, &self.download, &self.logs].iter().all(|access| **access == Access::Public)
	}

	/// With the owner among its accounts; nothing where there are too many.
	pub fn of(self, owner: &AccountId) -> Option<Self> {
		let Rights { process, download, logs } = self;
		Some(Rights { process: process.of(owner)?, download: download.of(owner)?, logs: logs.of(owner)? })
	}
}

/// The programs of others that may run with a data sample; its owner's own always may.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Algos {
	Any,
	Digests(Programs),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Permissions<AccountId> {
	pub rights: Rights<AccountId>,
	/// Of data samples only.
	pub algos: Algos,
}

impl<AccountId: Clone + PartialEq> Permissions<AccountId> {
	pub fn public() -> Self {
		Permissions { rights: Rights::public(), algos: Algos::Any }
	}

	/// Those of a private sample whose owner gave none: for its own tasks only.
	pub fn of_owner_only() -> Self {
		let nobody = || Access::Accounts(Default::default());
		Permissions { rights: Rights { process: nobody(), download: nobody(), logs: nobody() }, algos: Algos::Any }
	}

	/// With the owner among its accounts; nothing where there are too many.
	pub(crate) fn of(self, owner: &AccountId) -> Option<Self> {
		Some(Permissions { rights: self.rights.of(owner)?, algos: self.algos })
	}

	pub(crate) fn is_public(&self) -> bool {
		self.rights.is_public() && self.algos == Algos::Any
	}
}

/// Whose assets may go into a model that is certified for an objective; its owner's always may.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Admits<AccountId> {
	pub owners: Accounts<AccountId>,
	/// The programs, but for openers.
	pub algos: Programs,
}

impl AssetKind {
	/// Whether it runs.
	pub fn is_program(self) -> bool {
		use AssetKind::*;
		matches!(self, Opener | Algo | Metric | Bundle | Function)
	}
}
