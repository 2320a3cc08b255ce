//! Tests of results: paid exactly once, by the judge or by silence, or rejected at a cost to both sides.

use super::*;
use frame_support::{assert_noop, assert_ok};

type Rule = crate::Error<World>;

#[test]
fn without_a_window_a_result_is_paid_at_once() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		assert_eq!(escrow_of(CREATOR), REWARD + REJECT_FEE);
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		assert_eq!((free(BOB), bond_of(BOB)), (FORTUNE + REWARD, 0));
		assert_eq!((free(CREATOR), escrow_of(CREATOR)), (FORTUNE - REWARD, 0));
		assert_eq!((ended(id), task(id).result), (Some(Outcome::Done), Some(1)));
	});
}

#[test]
fn sending_the_same_again_is_success_and_another_result_is_not() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		let result = result_of(BOB, id);
		for _ in 0..3 {
			assert_ok!(call(BOB, result.clone()));
		}
		assert_eq!((free(BOB), NextSubmission::<World>::get()), (FORTUNE + REWARD, 1));
		let mut other = result;
		if let Call::send_task_result { result, .. } = &mut other {
			*result = digest(9);
		}
		assert_noop!(call(BOB, other), Rule::AlreadySent);
	});
}

#[test]
fn a_result_is_in_time_at_its_due_and_late_after_it() {
	for (late, outcome) in [(0, Ok(())), (1, Err(Rule::PastDue.into()))] {
		world(|| {
			let id = create(terms(), spec()).unwrap();
			take(BOB, id).unwrap();
			at(START + TIMEOUT + late);
			assert_eq!(send(BOB, id), outcome);
		});
	}
}

#[test]
fn silence_accepts_after_the_window_and_not_before() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		assert!(Reviews::<World>::contains_key(JUDGE, 1));
		sweep_at(START + WINDOW);
		assert_eq!(free(BOB), FORTUNE - BOND);
		sweep_at(START + WINDOW + 1);
		assert_eq!(free(BOB), FORTUNE + REWARD);
		assert!(!Reviews::<World>::contains_key(JUDGE, 1));
		assert_noop!(reject(JUDGE, id, 1), Rule::AlreadyDecided);
	});
}

#[test]
fn only_the_judge_decides_not_the_creator() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		for stranger in [CREATOR, BOB, DAVE] {
			assert_noop!(accept(stranger, id, 1), Rule::NotJudge);
			assert_noop!(reject(stranger, id, 1), Rule::NotJudge);
		}
		assert_ok!(accept(JUDGE, id, 1));
		assert_noop!(accept(JUDGE, id, 1), Rule::AlreadyDecided);
		assert_eq!(free(BOB), FORTUNE + REWARD);
	});
}

#[test]
fn a_rejection_costs_both_sides_the_same_and_frees_the_slot() {
	world(|| {
		let id = create(Terms { max_rejects: 2, ..judged() }, spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		reject(JUDGE, id, 1).unwrap();
		assert_eq!((free(BOB), bond_of(BOB)), (FORTUNE - REJECT_FEE, 0));
		assert_eq!((forfeited(), escrow_of(CREATOR)), (2 * REJECT_FEE, REWARD + REJECT_FEE));
		assert_noop!(take(BOB, id), Rule::AttemptsExhausted);
		assert_ok!(take(CAROL, id));
	});
}

#[test]
fn the_last_rejection_closes_its_slot() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		reject(JUDGE, id, 1).unwrap();
		assert_eq!((ended(id), escrow_of(CREATOR)), (Some(Outcome::Failed), 0));
		assert_eq!(free(CREATOR), FORTUNE - REJECT_FEE);
	});
}

#[test]
fn rejections_beyond_those_paid_for_are_refused() {
	world(|| {
		let id = create(Terms { slots: 2, ..judged() }, spec()).unwrap();
		for worker in [BOB, CAROL] {
			take(worker, id).unwrap();
			send(worker, id).unwrap();
		}
		reject(JUDGE, id, 1).unwrap();
		assert_noop!(reject(JUDGE, id, 2), Rule::RejectsExhausted);
		accept(JUDGE, id, 2).unwrap();
		assert_eq!(ended(id), Some(Outcome::Done));
	});
}

#[test]
fn the_deadline_stops_claims_and_results_but_no_review() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		at(DEADLINE - MIN_TIMEOUT);
		take(BOB, id).unwrap();
		at(DEADLINE);
		send(BOB, id).unwrap();
		sweep_at(DEADLINE + 1);
		assert!(task(id).is_closing());
		assert_ok!(accept(JUDGE, id, 1));
		assert_eq!((ended(id), free(BOB)), (Some(Outcome::Done), FORTUNE + REWARD));
	});
}

#[test]
fn a_reward_that_cannot_reach_its_worker_goes_to_the_treasury() {
	world(|| {
		let id = create(judged(), spec()).unwrap();
		take(BOB, id).unwrap();
		send(BOB, id).unwrap();
		// An account that is full to the brim can't take a reward.
		frame_system::Account::<World>::mutate(BOB, |account| account.data.free = Balance::MAX - BOND - REWARD + 1);
		assert_ok!(accept(JUDGE, id, 1));
		assert_eq!(forfeited(), REWARD);
	});
}

#[test]
fn a_model_needs_its_output_and_names_are_not_repeated() {
	world(|| {
		let id = create(Terms { kind: TaskKind::Training, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		let output = |name: &[u8]| Output { name: name.to_vec().try_into().unwrap(), digest: digest(1) };
		let with = |outputs: Vec<Output>| {
			let (result, uri, perfs) = (digest(3), Default::default(), Default::default());
			Call::send_task_result { task: id, epoch: 1, result, outputs: outputs.try_into().unwrap(), uri, perfs }
		};
		assert_noop!(call(BOB, with(vec![])), Rule::ModelMissing);
		assert_noop!(call(BOB, with(vec![output(b"log")])), Rule::ModelMissing);
		assert_noop!(call(BOB, with(vec![output(b"model"), output(b"model")])), Rule::OutputNamedTwice);
		assert_ok!(call(BOB, with(vec![output(b"log"), output(b"model")])));
		assert_eq!(model(1).digest, digest(1));
	});
}
