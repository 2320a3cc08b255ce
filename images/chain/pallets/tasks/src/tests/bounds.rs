//! Tests of the bounds of terms: each bound itself is allowed, a value beyond it is refused.

use super::*;
use frame_support::{assert_noop, assert_ok};

type Rule = crate::Error<World>;

fn at_every_bound() -> TermsOf<World> {
	Terms {
		slots: 100,
		max_failures: 10,
		max_rejects: 300,
		bond: 10 * REWARD + 500,
		deadline: START + MAX_DURATION,
		timeout: MAX_TIMEOUT,
		..terms()
	}
}

#[test]
fn terms_at_every_bound_are_allowed() {
	world(|| {
		assert_ok!(create(at_every_bound(), spec()));
	});
}

#[test]
fn terms_beyond_a_bound_are_refused() {
	let refused: Vec<(TermsOf<World>, Rule)> = vec![
		(Terms { slots: 101, ..at_every_bound() }, Rule::TooManySlots),
		(Terms { slots: u32::MAX, max_rejects: u32::MAX, ..at_every_bound() }, Rule::TooManySlots),
		(Terms { max_failures: 11, ..at_every_bound() }, Rule::TooManyFailures),
		(Terms { max_rejects: 301, ..at_every_bound() }, Rule::TooManyRejects),
		(Terms { max_rejects: 4, slots: 1, ..at_every_bound() }, Rule::TooManyRejects),
		(Terms { bond: 10 * REWARD + 501, ..at_every_bound() }, Rule::BondTooLarge),
		(Terms { deadline: START + MAX_DURATION + 1, ..at_every_bound() }, Rule::DeadlineTooFar),
		(Terms { deadline: Moment::MAX, ..at_every_bound() }, Rule::DeadlineTooFar),
		(Terms { timeout: MAX_TIMEOUT + 1, ..at_every_bound() }, Rule::TimeoutTooLong),
		(Terms { reward: MAX_REWARD + 1, bond: MAX_REWARD, ..at_every_bound() }, Rule::AmountTooLarge),
		(Terms { reward: Balance::MAX, bond: Balance::MAX, ..terms() }, Rule::AmountTooLarge),
	];
	for (terms, rule) in refused {
		world(|| {
			assert_noop!(create(terms, spec()), rule);
		});
	}
}

/// Creates a task without adding anything to its spec.
fn as_it_is(kind: TaskKind, spec: SpecOf<World>) -> DispatchResult {
	call(CREATOR, Call::create_task { terms: Terms { kind, ..terms() }, spec })
}

#[test]
fn a_training_without_anything_to_run_is_refused() {
	for kind in [TaskKind::Training, TaskKind::Restructuring, TaskKind::Aggregation] {
		world(|| {
			let sample = asset(CREATOR, 1, AssetKind::DataSample(Label::Train));
			let inputs = if kind == TaskKind::Aggregation { vec![] } else { vec![sample] };
			let bare = Spec { inputs: inputs.try_into().unwrap(), ..spec() };
			assert_noop!(as_it_is(kind, bare), Rule::NothingToRun);
		});
	}
}

#[test]
fn an_algo_or_a_bundle_is_something_to_run() {
	for runs in [AssetKind::Algo, AssetKind::Bundle] {
		world(|| {
			let runnable = Spec { inputs: vec![asset(CREATOR, 1, runs)].try_into().unwrap(), ..spec() };
			assert_ok!(as_it_is(TaskKind::Training, runnable));
		});
	}
}

#[test]
fn an_aggregation_without_a_model_is_refused() {
	world(|| {
		let algo = asset(CREATOR, 1, AssetKind::Algo);
		let alone = Spec { inputs: vec![algo.clone()].try_into().unwrap(), ..spec() };
		assert_noop!(as_it_is(TaskKind::Aggregation, alone), Rule::NothingToAggregate);
		let imported = asset(CREATOR, 2, AssetKind::Model);
		let with_model = Spec { inputs: vec![algo, imported].try_into().unwrap(), ..spec() };
		assert_ok!(as_it_is(TaskKind::Aggregation, with_model));
	});
}
