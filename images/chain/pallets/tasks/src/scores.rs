//! Scores: the standing and the voucher of a scoring's numbers, decided when its result is accepted.

use crate::{
	lineage::{Ancestry, AssetRefOf},
	*,
};
use frame_support::pallet_prelude::*;
use pallet_registry::{is_in_range, CertifiedScore, Moment, Objectives, Worked};

/// The name of the number that is the score.
const SCORE: &[u8] = b"all";

impl<T: Config> Pallet<T> {
	/// A scoring sends its score first, and numbers beside it under other names; a function exactly its performances;
	/// nothing else sends any.
	pub(crate) fn check_numbers(kind: TaskKind, roles: &Roles, perfs: &Perfs) -> DispatchResult {
		let sent = |name: &[u8]| perfs.iter().any(|perf| perf.name.as_slice() == name);
		let right = match kind {
			TaskKind::Scoring => perfs.first().is_some_and(|perf| perf.name.as_slice() == SCORE),
			_ => perfs.len() == roles.performances().count() && roles.performances().all(|role| sent(&role.name)),
		};
		ensure!(right, Error::<T>::ScoreMisplaced);
		for (position, perf) in perfs.iter().enumerate() {
			let twice = perfs[..position].iter().any(|earlier| earlier.name == perf.name);
			ensure!(!twice, Error::<T>::NumberNamedTwice);
			ensure!(is_in_range(perf.value), Error::<T>::NumberTooLarge);
		}
		Ok(())
	}

	/// Says what an accepted score counts for; one that is certified is kept beyond its task's records.
	pub(crate) fn record_score(
		id: TaskId,
		task: &TaskOf<T>,
		submission: SubmissionId,
		accepted: &mut SubmissionOf<T>,
		now: Moment,
	) {
		let Some(spec) = Specs::<T>::get(id) else { return };
		let roles = Self::roles_of(id, task.terms.kind, &spec);
		let model = Self::scored_model(&spec, &roles);
		Self::record_derived(task, accepted, model, now);
		let Some(value) = accepted.perfs.first().map(|perf| perf.value) else { return };
		let objective = spec.objectives.first().and_then(Objectives::<T>::get);
		// What the objective measures with is its owner's choice, however it was made.
		let measured = |named: &AssetRefOf<T>| !objective.as_ref().is_some_and(|it| it.measures_with(named));
		let Ancestry { worked, clean_for, .. } = Self::ancestry(&spec, &roles, spec.objectives.clone(), now, measured);
		// An algo of the scoring that became an unclean model of its owner's meanwhile leaves nothing to certify.
		if clean_for != spec.objectives {
			return;
		}
		let owner = objective.as_ref().map(|objective| &objective.owner);
		let voucher = Self::voucher(&worked, &accepted.worker, owner);
		let certified = spec.objectives.first().copied().zip(model);
		let standing = if certified.is_some() { Standing::Certified } else { Standing::CrossValidation };
		accepted.score = Some(Score { value, standing, voucher });
		if let Some((objective, model)) = certified {
			let (scorer, payer) = (accepted.worker.clone(), task.creator.clone());
			let score = CertifiedScore { model, value, voucher, scorer, payer, at: now };
			pallet_registry::Pallet::<T>::record_score(objective, submission, score);
		}
	}

	/// Who vouches for a score of a model on which these worked, by its scorer and the objective's owner.
	pub(crate) fn voucher(worked: &Worked, scorer: &T::AccountId, owner: Option<&T::AccountId>) -> Voucher {
		match (worked.may_contain(scorer), owner == Some(scorer)) {
			(true, _) => Voucher::Own,
			(false, true) => Voucher::Owner,
			(false, false) => Voucher::Independent,
		}
	}
}
