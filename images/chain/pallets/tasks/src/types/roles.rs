//! Roles of a task's outputs, and the outputs of its parents that it takes.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum OutputKind {
	/// Becomes a model, under the submission and the output's place among the roles.
	Model,
	/// A number of the result.
	Performance,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct OutputRole {
	pub name: OutputName,
	pub kind: OutputKind,
	/// Stays on its worker's node: whoever takes it is that worker.
	pub private: bool,
}

/// An output of a parent that goes in.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Take {
	pub parent: TaskId,
	/// Its place among the parent's outputs.
	pub output: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Roles {
	pub outputs: BoundedVec<OutputRole, ConstU32<MAX_ROLES>>,
	pub takes: BoundedVec<Take, ConstU32<MAX_TAKES>>,
}

impl Roles {
	/// The roles of a task that declares none: it makes the one output of its kind, and takes its parents' first outputs.
	pub fn usual(kind: TaskKind, parents: &Parents) -> Self {
		let mut roles = Roles::default();
		if kind.makes_model() {
			let name = OutputName::truncate_from(b"model".to_vec());
			roles.outputs =
				BoundedVec::truncate_from(vec![OutputRole { name, kind: OutputKind::Model, private: false }]);
		}
		if kind != TaskKind::Annotation {
			let takes = parents.iter().map(|parent| Take { parent: *parent, output: 0 });
			roles.takes = BoundedVec::truncate_from(takes.collect());
		}
		roles
	}

	/// The roles of a task that declares these; where they name no outputs it makes the one of its kind.
	pub fn of(kind: TaskKind, parents: &Parents, declared: Option<Roles>) -> Self {
		let usual = Roles::usual(kind, parents);
		match declared {
			None => usual,
			Some(declared) if declared.outputs.is_empty() => Roles { takes: declared.takes, ..usual },
			Some(declared) => declared,
		}
	}

	/// Its models, each with its place.
	pub fn models(&self) -> impl Iterator<Item = (u8, &OutputRole)> {
		let placed = self.outputs.iter().enumerate().map(|(place, role)| (place as u8, role));
		placed.filter(|(_, role)| role.kind == OutputKind::Model)
	}

	/// The model at this place.
	pub fn model(&self, place: u8) -> Option<&OutputRole> {
		self.outputs.get(usize::from(place)).filter(|role| role.kind == OutputKind::Model)
	}

	pub fn performances(&self) -> impl Iterator<Item = &OutputRole> {
		self.outputs.iter().filter(|role| role.kind == OutputKind::Performance)
	}

	/// Whether a head stays on its node: the task is a composite.
	pub fn keeps_head(&self) -> bool {
		self.outputs.iter().any(|role| role.private)
	}
}
