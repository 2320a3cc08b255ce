//! Tests of the migration from runtime 1: nothing that is held, due or under review is lost.

use super::*;
use crate::{
	agenda::agenda_key,
	migrations::{v0, ToVersion1},
};
use codec::Encode;
use frame_support::{
	storage::unhashed,
	traits::{GetStorageVersion, OnRuntimeUpgrade, StorageVersion},
};
use pallet_registry::{Models, Scores, Voucher};

const MICRO: Fixed = 1_000_000_000_000;

fn as_runtime_1() {
	StorageVersion::new(0).put::<TaskPallet>();
}

/// Writes a task as runtime 1 stored it.
fn put_task(id: TaskId, task: Task<Account>) {
	let Counters { live, submitted, accepted, rejected, failures, closed, reports, epoch, .. } = task.counters;
	let counters = v0::Counters { live, submitted, accepted, rejected, failures, closed, reports, epoch };
	let old = v0::Task {
		creator: task.creator,
		terms: task.terms,
		counters,
		held: task.held,
		status: task.status,
		created: task.created,
		clean_for: task.clean_for,
		result: task.result,
		broken: task.broken,
		resumed: task.resumed,
		alarm: task.alarm,
	};
	unhashed::put_raw(&Tasks::<World>::hashed_key_for(id), &old.encode());
}

fn put_attempt(worker: Account, id: TaskId, new: Assignment, state: v0::AssignmentState, alarm: Option<Alarm>) {
	let Assignment { epoch, since, due, bond, retries, .. } = new;
	let old = v0::Assignment { epoch, since, due, bond, state, retries, handed_back: true, alarm };
	unhashed::put_raw(&Assignments::<World>::hashed_key_for(worker, id), &old.encode());
}

/// Writes all tasks as runtime 1 had them, then runs the migration.
fn migrate() {
	for id in Tasks::<World>::iter_keys().collect::<Vec<_>>() {
		put_task(id, task(id));
		let Spec { digest, uri, inputs, parents, objectives } = Specs::<World>::get(id).unwrap();
		let inputs = inputs.into_iter().map(|input| match input {
			Input::Asset(asset) => v0::Input::Asset(asset),
			Input::Model(model) => v0::Input::Model(model.submission),
		});
		let inputs = inputs.collect::<Vec<_>>().try_into().unwrap();
		let old = v0::Spec { digest, uri, inputs, parents, objectives };
		unhashed::put_raw(&Specs::<World>::hashed_key_for(id), &old.encode());
	}
	as_runtime_1();
	ToVersion1::<World>::on_runtime_upgrade();
	assert_eq!(TaskPallet::on_chain_storage_version(), StorageVersion::new(1));
}

#[test]
fn a_task_and_its_live_attempt_go_on() {
	world(|| {
		let id = create(Terms { slots: 2, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		let (before, live) = (task(id), attempt(BOB, id));
		put_attempt(BOB, id, live.clone(), v0::AssignmentState::Live, live.alarm);
		migrate();
		assert_eq!(task(id), before);
		assert_eq!(attempt(BOB, id), live);
		send(BOB, id).unwrap();
		assert_eq!(free(BOB), FORTUNE + REWARD);
	});
}

#[test]
fn the_fee_of_a_report_stays_held_until_the_task_is_final() {
	world(|| {
		let id = create(Terms { slots: 2, max_failures: 5, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, FailureCategory::NodeError).unwrap();
		let fee = bond_of(BOB);
		let alarm = Alarm { at: START + PAUSE, entry: NextEntry::<World>::mutate(TaskPallet::count) };
		Agenda::<World>::insert(agenda_key(&alarm), Object::Assignment(BOB, id));
		let failed = Assignment { bond: fee, ..attempt(BOB, id) };
		let (category, log, until) = (FailureCategory::NodeError, digest(102), START + PAUSE);
		put_attempt(BOB, id, failed, v0::AssignmentState::Failed { category, log, until }, Some(alarm));
		Reporters::<World>::remove(id, BOB);
		migrate();
		let migrated = attempt(BOB, id);
		assert_eq!((migrated.bond, migrated.fees.total(), migrated.fees.at, migrated.alarm), (0, fee, START, None));
		assert_eq!((task(id).counters.reports, task(id).counters.able), (1, 1));
		assert!(Reporters::<World>::contains_key(id, BOB) && !Agenda::<World>::contains_key(agenda_key(&alarm)));
		cancel(id, false).unwrap();
		sweep_at(START + 1);
		assert_eq!((bond_of(BOB), free(BOB)), (0, FORTUNE));
	});
}

#[test]
fn a_report_of_a_task_that_was_final_already_is_decided_after_the_upgrade() {
	world(|| {
		let id = create(Terms { max_failures: 5, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		report(BOB, id, FailureCategory::NodeError).unwrap();
		let fee = bond_of(BOB);
		cancel(id, false).unwrap();
		let mut last = task(id);
		TaskPallet::set_alarm(&mut last.alarm, None, || Object::Task(id));
		Tasks::<World>::insert(id, last);
		let failed = Assignment { bond: fee, ..attempt(BOB, id) };
		let (category, log, until) = (FailureCategory::NodeError, digest(102), START + PAUSE);
		put_attempt(BOB, id, failed, v0::AssignmentState::Failed { category, log, until }, None);
		migrate();
		sweep_at(START + 1);
		assert_eq!((bond_of(BOB), free(BOB), task(id).counters.reports), (0, FORTUNE, 0));
	});
}

#[test]
fn attempts_that_ended_tell_what_they_brought() {
	for (old, new) in [
		(v0::AssignmentState::Aborted, AssignmentState::Aborted { paid: REWARD }),
		(v0::AssignmentState::HandedBack, AssignmentState::HandedBack { price: 0 }),
		(v0::AssignmentState::Lapsed, AssignmentState::Lapsed),
	] {
		world(|| {
			let id = create(terms(), spec()).unwrap();
			take(BOB, id).unwrap();
			hand_back(BOB, id).unwrap();
			put_attempt(BOB, id, attempt(BOB, id), old, None);
			migrate();
			let migrated = attempt(BOB, id);
			assert_eq!((migrated.state, migrated.hand_backs), (new, 0));
			let may_try = matches!(new, AssignmentState::HandedBack { .. });
			assert_eq!(task(id).counters.able, u32::from(may_try));
		});
	}
}

#[test]
fn a_certified_score_is_kept_in_finer_units_and_a_rejected_one_is_not() {
	world(|| {
		let objective = objective(CREATOR, &[11]);
		let training = Spec { objectives: vec![objective].try_into().unwrap(), ..spec() };
		let made = create(Terms { kind: TaskKind::Training, ..terms() }, training).unwrap();
		let model = deliver_model(BOB, made, 90);
		let named = |number| Input::Asset(AssetRef { owner: CREATOR, digest: digest(number) });
		let inputs = vec![Input::Model(ModelId::first(model)), named(30), named(31), named(11)];
		let scoring =
			Spec { inputs: inputs.try_into().unwrap(), objectives: vec![objective].try_into().unwrap(), ..spec() };
		let scored = create(Terms { kind: TaskKind::Scoring, slots: 2, ..terms() }, scoring).unwrap();
		let rejection = SubmissionStatus::Rejected { reason: Default::default(), at: START };
		for (id, status) in [(90, SubmissionStatus::Accepted { at: START }), (91, rejection)] {
			let old = v0::Submission::<Account> {
				worker: CAROL,
				epoch: 1,
				result: digest(101),
				outputs: model_outputs(),
				uri: Default::default(),
				score: Some(v0::Score { value: 937_500, standing: Standing::Certified, voucher: Voucher::Independent }),
				status,
				sent: START,
				alarm: None,
			};
			unhashed::put_raw(&Submissions::<World>::hashed_key_for(scored, id), &old.encode());
		}
		Submissions::<World>::remove(made, model);
		let owners = Models::<World>::get(model, 0).unwrap().input_owners;
		for worker in Assignments::<World>::iter_keys().collect::<Vec<_>>() {
			Assignments::<World>::remove(worker.0, worker.1);
		}
		migrate();
		let kept = Scores::<World>::get(objective, 90).unwrap();
		assert_eq!((kept.value, kept.scorer, kept.payer), (937_500 * MICRO, CAROL, CREATOR));
		assert_eq!(submission(scored, 90).score.unwrap().value, 937_500 * MICRO);
		assert_eq!((submission(scored, 90).same_as, submission(scored, 91).same_as), (None, Some(90)));
		assert!(submission(scored, 91).perfs.is_empty() && !Scores::<World>::contains_key(objective, 91));
		assert_eq!(Models::<World>::get(model, 0).unwrap().input_owners, owners);
	});
}

#[test]
fn a_migration_runs_once() {
	world(|| {
		StorageVersion::new(1).put::<TaskPallet>();
		let id = create(terms(), spec()).unwrap();
		let before = task(id);
		ToVersion1::<World>::on_runtime_upgrade();
		assert_eq!(task(id), before);
	});
}
