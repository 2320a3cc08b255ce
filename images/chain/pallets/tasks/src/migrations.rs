//! Migration of runtime 1's storage. Open tasks go on, live attempts may send, results under review are decided, and
//! every amount stays held for its purpose.
//!
//! It runs in the one block that follows the new code, after the registry's, so no limit passes meanwhile.

use crate::{agenda::agenda_key, types::Task, *};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::marker::PhantomData;
use frame_support::{migrations::VersionedMigration, pallet_prelude::*, traits::UncheckedOnRuntimeUpgrade};
use pallet_registry::{
	migrations::{Tally, MICRO},
	AssetRef, Balance, CertifiedScore, Digest, Fixed, ModelId, Models, Moment, ObjectiveIds, Uri,
};

pub type ToVersion1<T> = VersionedMigration<0, 1, FromRuntime1<T>, Pallet<T>, <T as frame_system::Config>::DbWeight>;

/// The nouns as runtime 1 stored them, where they differ.
pub mod v0 {
	use super::*;

	#[derive(Debug, Encode, Decode)]
	pub enum Input<AccountId> {
		Asset(AssetRef<AccountId>),
		Model(u64),
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Spec<AccountId> {
		pub digest: Digest,
		pub uri: Uri,
		pub inputs: BoundedVec<Input<AccountId>, ConstU32<256>>,
		pub parents: Parents,
		pub objectives: ObjectiveIds,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Counters {
		pub live: u32,
		pub submitted: u32,
		pub accepted: u32,
		pub rejected: u32,
		pub failures: u32,
		pub closed: u32,
		pub reports: u32,
		pub epoch: Epoch,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Task<AccountId> {
		pub creator: AccountId,
		pub terms: Terms<AccountId>,
		pub counters: Counters,
		pub held: Balance,
		pub status: TaskStatus,
		pub created: Moment,
		pub clean_for: ObjectiveIds,
		pub result: Option<SubmissionId>,
		pub broken: Option<Moment>,
		pub resumed: Epoch,
		pub alarm: Option<Alarm>,
	}

	#[derive(Debug, Encode, Decode)]
	pub enum AssignmentState {
		Live,
		Submitted { submission: SubmissionId },
		Failed { category: FailureCategory, log: Digest, until: Moment },
		Lapsed,
		Aborted,
		HandedBack,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Assignment {
		pub epoch: Epoch,
		pub since: Moment,
		pub due: Moment,
		pub bond: Balance,
		pub state: AssignmentState,
		pub retries: u32,
		pub handed_back: bool,
		pub alarm: Option<Alarm>,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Score {
		pub value: i64,
		pub standing: Standing,
		pub voucher: Voucher,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Submission<AccountId> {
		pub worker: AccountId,
		pub epoch: Epoch,
		pub result: Digest,
		pub outputs: Outputs,
		pub uri: Uri,
		pub score: Option<Score>,
		pub status: SubmissionStatus,
		pub sent: Moment,
		pub alarm: Option<Alarm>,
	}

	#[derive(Debug, Encode, Decode)]
	pub struct Plan<AccountId> {
		pub creator: AccountId,
		pub cancelled: Option<Cancellation>,
		pub alarm: Option<Alarm>,
	}
}

pub struct FromRuntime1<T>(PhantomData<T>);

impl<T: Config> UncheckedOnRuntimeUpgrade for FromRuntime1<T> {
	fn on_runtime_upgrade() -> Weight {
		let mut tally = Tally::default();
		specs::<T>(&mut tally);
		tasks::<T>(&mut tally);
		assignments::<T>(&mut tally);
		submissions::<T>(&mut tally);
		plans::<T>(&mut tally);
		tally.weight::<T>()
	}
}

fn specs<T: Config>(tally: &mut Tally) {
	Specs::<T>::translate(|_, old: v0::Spec<T::AccountId>| {
		tally.note(old.encoded_size(), 0, 0);
		let inputs = old.inputs.into_iter().map(|input| match input {
			v0::Input::Asset(asset) => Input::Asset(asset),
			v0::Input::Model(submission) => Input::Model(ModelId::first(submission)),
		});
		let inputs = Inputs::truncate_from(inputs.collect());
		Some(Spec { digest: old.digest, uri: old.uri, inputs, parents: old.parents, objectives: old.objectives })
	});
}

fn tasks<T: Config>(tally: &mut Tally) {
	Tasks::<T>::translate(|_, old: v0::Task<T::AccountId>| {
		tally.note(old.encoded_size(), 0, 0);
		let v0::Counters { live, submitted, accepted, rejected, failures, closed, epoch, .. } = old.counters;
		// Reports and who may try again are counted with the attempts.
		let counters = Counters { live, submitted, accepted, rejected, failures, closed, reports: 0, epoch, able: 0 };
		Some(Task {
			creator: old.creator,
			terms: old.terms,
			counters,
			held: old.held,
			status: old.status,
			created: old.created,
			clean_for: old.clean_for,
			result: old.result,
			broken: old.broken,
			resumed: old.resumed,
			stalled_since: None,
			bytes: Bytes::default(),
			alarm: old.alarm,
		})
	});
}

fn assignments<T: Config>(tally: &mut Tally) {
	Assignments::<T>::translate(|worker, id, old: v0::Assignment| {
		let bytes = old.encoded_size();
		let mut task = Tasks::<T>::get(id)?;
		let attempt = assignment::<T>(old, &task);
		let reported = attempt.fees.total() > 0;
		// Its task; where it was reported also its old entry in the agenda, the reporter and the task's new entry.
		tally.note(bytes, 1 + usize::from(reported), 1 + if reported { 4 } else { 0 });
		if reported {
			task.counters.reports += 1;
			Reporters::<T>::insert(id, worker, ());
			await_decision::<T>(id, &mut task);
		}
		task.counters.able += u32::from(Pallet::<T>::is_able(&task, &attempt));
		Tasks::<T>::insert(id, task);
		Some(attempt)
	});
}

/// The amount held for a report becomes its fee, until the task is final.
fn assignment<T: Config>(old: v0::Assignment, task: &TaskOf<T>) -> Assignment {
	let v0::Assignment { epoch, since, due, mut bond, state, retries, mut alarm, .. } = old;
	let mut fees = Fees::default();
	let state = match state {
		v0::AssignmentState::Live => AssignmentState::Live,
		v0::AssignmentState::Submitted { submission } => AssignmentState::Submitted { submission },
		v0::AssignmentState::Failed { category, log, until } => {
			let at = until.saturating_sub(T::PauseWindow::get());
			fees = Fees { latest: core::mem::take(&mut bond), earlier: 0, at };
			// Nothing about it falls due any more.
			if let Some(due) = alarm.take() {
				Agenda::<T>::remove(agenda_key(&due));
			}
			AssignmentState::Failed { category, log }
		}
		v0::AssignmentState::Lapsed => AssignmentState::Lapsed,
		v0::AssignmentState::Aborted => AssignmentState::Aborted { paid: task.terms.reward },
		v0::AssignmentState::HandedBack => AssignmentState::HandedBack { price: 0 },
	};
	// Earlier hand-backs were free, or at a price that no longer counts.
	Assignment { epoch, since, due, bond, state, retries, hand_backs: 0, fees, alarm }
}

/// The reports of a task that was final already are decided in the next block.
fn await_decision<T: Config>(id: TaskId, task: &mut TaskOf<T>) {
	if let (TaskStatus::Final { at, .. }, None) = (task.status, task.alarm) {
		Pallet::<T>::set_alarm(&mut task.alarm, Some(at), || Object::Task(id));
	}
}

fn submissions<T: Config>(tally: &mut Tally) {
	let mut all: Vec<(TaskId, SubmissionId)> = Vec::new();
	Submissions::<T>::translate(|task, id, old: v0::Submission<T::AccountId>| {
		all.push((task, id));
		Some(submission::<T>(old))
	});
	all.sort_unstable();
	for (task, id) in &all {
		describe::<T>(*task, *id, tally);
	}
}

fn submission<T: Config>(old: v0::Submission<T::AccountId>) -> SubmissionOf<T> {
	let v0::Submission { worker, epoch, result, outputs, uri, score, status, sent, alarm } = old;
	let rejected = matches!(status, SubmissionStatus::Rejected { .. });
	let accepted = matches!(status, SubmissionStatus::Accepted { .. });
	let score = score.filter(|_| !rejected).map(|score| {
		let v0::Score { value, standing, voucher } = score;
		Score { value: Fixed::from(value) * MICRO, standing, voucher }
	});
	let all = |score: &Score| Perf { name: BoundedVec::truncate_from(b"all".to_vec()), value: score.value };
	let perfs = Perfs::truncate_from(score.iter().map(all).collect());
	// Its standing is decided when it is accepted.
	let score = score.filter(|_| accepted);
	Submission { worker, epoch, result, outputs, uri, perfs, score, same_as: None, status, sent, alarm }
}

/// In the order in which they were sent: which outputs were sent before, whose assets a model came of, and what is kept
/// of a certified score.
fn describe<T: Config>(id: TaskId, submission: SubmissionId, tally: &mut Tally) {
	let Some(mut sent) = Submissions::<T>::get(id, submission) else { return };
	sent.same_as = Pallet::<T>::note_outputs(id, submission, &sent.outputs);
	// Read again, with its outputs, task, spec and model; its outputs noted and written again.
	let (mut reads, mut writes) = (5, 2);
	let mut bytes = sent.encoded_size();
	if let (Some(task), Some(spec)) = (Tasks::<T>::get(id), Specs::<T>::get(id)) {
		// Each input as what its owner made, as anybody's model, as an import and as that model; each parent, its model.
		reads += 4 * spec.inputs.len() + 2 * spec.parents.len();
		writes += 1;
		bytes += task.encoded_size() + spec.encoded_size();
		if sent.score.is_some() {
			// Its model and the event; the score and the event with its number.
			(reads, writes) = (reads + 4, writes + 3);
		}
		if let Some(mut model) = Models::<T>::get(submission, 0) {
			let (roles, now) = (Roles::usual(task.terms.kind, &spec.parents), Pallet::<T>::now());
			model.input_owners = Pallet::<T>::ancestry(&spec, &roles, Default::default(), now, |_| true).owners;
			Models::<T>::insert(submission, 0, model);
		}
		keep_score::<T>(submission, &mut sent, &task, &spec);
	}
	Submissions::<T>::insert(id, submission, sent);
	tally.note(bytes, reads, writes);
}

fn keep_score<T: Config>(submission: SubmissionId, sent: &mut SubmissionOf<T>, task: &TaskOf<T>, spec: &SpecOf<T>) {
	let SubmissionStatus::Accepted { at } = sent.status else { return };
	let roles = Roles::usual(task.terms.kind, &spec.parents);
	let Some(model) = Pallet::<T>::input_models(spec, &roles).next() else { return };
	let worked = pallet_registry::Pallet::<T>::model(&model).map(|model| model.worked).unwrap_or_default();
	let Some(score) = &mut sent.score else { return };
	if worked.may_contain(&sent.worker) {
		score.voucher = Voucher::Own;
	}
	if let (Standing::Certified, Some(objective)) = (score.standing, spec.objectives.first()) {
		let (value, voucher) = (score.value, score.voucher);
		let (scorer, payer) = (sent.worker.clone(), task.creator.clone());
		let kept = CertifiedScore { model, value, voucher, scorer, payer, at };
		pallet_registry::Pallet::<T>::record_score(*objective, submission, kept);
	}
}

/// The periods after which it may go are counted from now.
fn plans<T: Config>(tally: &mut Tally) {
	let now = Pallet::<T>::now();
	Plans::<T>::translate(|_, old: v0::Plan<T::AccountId>| {
		tally.note(old.encoded_size(), 0, 0);
		Some(Plan { creator: old.creator, cancelled: old.cancelled, touched: now, alarm: old.alarm })
	});
}
