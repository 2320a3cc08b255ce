//! Tests of scores: their standing, their vouchers, and that they outlive their tasks.

use super::*;
use frame_support::{assert_noop, assert_ok};
use pallet_registry::{CertifiedScore, Scores, LARGEST_FIXED};

type Rule = crate::Error<World>;

fn of(kind: TaskKind) -> TermsOf<World> {
	Terms { kind, ..terms() }
}

fn on(inputs: Vec<Input<Account>>, objectives: &[u64]) -> SpecOf<World> {
	Spec { inputs: inputs.try_into().unwrap(), objectives: objectives.to_vec().try_into().unwrap(), ..spec() }
}

fn trained(inputs: Vec<Input<Account>>, objectives: &[u64]) -> SubmissionId {
	let id = create(of(TaskKind::Training), on(inputs, objectives)).unwrap();
	deliver_model(BOB, id, 50)
}

/// A scoring of the model for the objective of `DAVE` on samples 11 and 12.
fn scoring(model: SubmissionId, objective: u64, terms: TermsOf<World>) -> TaskId {
	let named = |number| Input::Asset(AssetRef { owner: DAVE, digest: digest(number) });
	let inputs = vec![model_input(model), named(30), named(31), named(11), named(12)];
	create(Terms { kind: TaskKind::Scoring, ..terms }, on(inputs, &[objective])).unwrap()
}

fn sent(worker: Account, id: TaskId, perfs: Perfs) -> DispatchResult {
	let (epoch, result, outputs, uri) = (epoch_of(worker, id), digest(101), model_outputs(), Default::default());
	call(worker, Call::send_task_result { task: id, epoch, result, outputs, uri, perfs })
}

#[test]
fn a_score_says_what_it_counts_for_and_who_vouches() {
	world(|| {
		let id = objective(DAVE, &[11, 12]);
		let model = trained(vec![], &[id]);
		let vouchers =
			[(BOB, Voucher::Own), (CREATOR, Voucher::Own), (DAVE, Voucher::Owner), (CAROL, Voucher::Independent)];
		for (worker, voucher) in vouchers {
			let task = scoring(model, id, terms());
			take(worker, task).unwrap();
			send(worker, task).unwrap();
			let score = submission(task, NextSubmission::<World>::get()).score;
			assert_eq!(score, Some(Score { value: SCORE, standing: Standing::Certified, voucher }));
		}
	});
}

#[test]
fn a_trainer_that_scores_an_aggregation_of_its_own_model_is_not_independent() {
	world(|| {
		let id = objective(DAVE, &[11, 12]);
		let parts: Vec<_> = (0..2).map(|_| model_input(trained(vec![], &[id]))).collect();
		let merging = create_as(ERIN, of(TaskKind::Aggregation), on(parts, &[id])).unwrap();
		let merged = deliver_model(CAROL, merging, 60);
		let tuning = create_as(ERIN, of(TaskKind::Training), on(vec![model_input(merged)], &[id])).unwrap();
		let tuned = deliver_model(CAROL, tuning, 61);
		let everyone = [BOB, CREATOR, CAROL, ERIN, JUDGE].map(|worker| {
			let task = scoring(tuned, id, Terms { review: Review { judge: DAVE, window: 0 }, ..terms() });
			take(worker, task).unwrap();
			send(worker, task).unwrap();
			submission(task, NextSubmission::<World>::get()).score.unwrap().voucher
		});
		assert_eq!(everyone, [Voucher::Own, Voucher::Own, Voucher::Own, Voucher::Own, Voucher::Independent]);
	});
}

#[test]
fn a_certified_score_outlives_its_task() {
	world(|| {
		let id = objective(DAVE, &[11, 12]);
		let model = trained(vec![], &[id]);
		let task = scoring(model, id, terms());
		take(CAROL, task).unwrap();
		send(CAROL, task).unwrap();
		at(START + RETENTION + 1);
		call(CREATOR, Call::purge_task { task }).unwrap();
		let submission = NextSubmission::<World>::get();
		let kept = CertifiedScore {
			model: ModelId::first(model),
			value: SCORE,
			voucher: Voucher::Independent,
			scorer: CAROL,
			payer: CREATOR,
			at: START,
		};
		assert_eq!(Scores::<World>::iter().collect::<Vec<_>>(), [(id, submission, kept)]);
	});
}

#[test]
fn a_rejected_result_keeps_no_score_and_no_numbers() {
	world(|| {
		let id = objective(DAVE, &[11, 12]);
		let task = scoring(trained(vec![], &[id]), id, judged());
		take(CAROL, task).unwrap();
		let result = result_of(CAROL, task);
		call(CAROL, result.clone()).unwrap();
		let number = NextSubmission::<World>::get();
		assert_eq!(submission(task, number).score, None);
		reject(JUDGE, task, number).unwrap();
		let rejected = submission(task, number);
		assert!(rejected.score.is_none() && rejected.perfs.is_empty());
		assert_eq!(Scores::<World>::iter_keys().count(), 0);
		// Its worker may not have heard that the first call arrived.
		assert_ok!(call(CAROL, result));
	});
}

#[test]
fn a_scoring_sends_its_score_first_and_nothing_else_sends_numbers() {
	world(|| {
		let id = objective(DAVE, &[11, 12]);
		let task = scoring(trained(vec![], &[id]), id, terms());
		take(CAROL, task).unwrap();
		for misplaced in [numbers(&[]), numbers(&[("f1", 1)]), numbers(&[("f1", 1), ("all", 1)])] {
			assert_noop!(sent(CAROL, task, misplaced), Rule::ScoreMisplaced);
		}
		assert_noop!(sent(CAROL, task, numbers(&[("all", 1), ("all", 1)])), Rule::NumberNamedTwice);
		for large in [LARGEST_FIXED + 1, -LARGEST_FIXED - 1] {
			assert_noop!(sent(CAROL, task, numbers(&[("all", 1), ("f1", large)])), Rule::NumberTooLarge);
		}
		assert_ok!(sent(CAROL, task, numbers(&[("all", -LARGEST_FIXED), ("f1", LARGEST_FIXED)])));
		let training = create(of(TaskKind::Training), spec()).unwrap();
		take(CAROL, training).unwrap();
		assert_noop!(sent(CAROL, training, numbers(&[("all", 1)])), Rule::ScoreMisplaced);
	});
}

#[test]
fn equal_outputs_of_one_task_are_told_whatever_their_order() {
	world(|| {
		let id = create(Terms { slots: 3, ..terms() }, spec()).unwrap();
		let output = |name: &[u8], number| Output { name: name.to_vec().try_into().unwrap(), digest: digest(number) };
		let two = [output(b"one", 1), output(b"two", 2)];
		let turned = [output(b"two", 2), output(b"one", 1)];
		let other = [output(b"one", 2), output(b"two", 1)];
		for (worker, outputs) in [(BOB, two), (CAROL, turned), (DAVE, other)] {
			take(worker, id).unwrap();
			let (epoch, result, uri, perfs) = (epoch_of(worker, id), digest(1), Default::default(), Default::default());
			let outputs = outputs.to_vec().try_into().unwrap();
			call(worker, Call::send_task_result { task: id, epoch, result, outputs, uri, perfs }).unwrap();
		}
		assert_eq!([1, 2, 3].map(|number| submission(id, number).same_as), [None, Some(1), None]);
		assert_eq!(ended(id), Some(Outcome::Done));
	});
}
