//! Tests of the price of bytes: a spec's is returned with it, a model's record is paid for when it is written.

use super::*;
use codec::{Encode, MaxEncodedLen};
use pallet_registry::{Model, Models};

const FEE: Balance = 3;

fn training() -> TermsOf<World> {
	Terms { kind: TaskKind::Training, ..terms() }
}

/// The price of the spec of a training.
fn with_algo() -> SpecOf<World> {
	runnable(TaskKind::Training, spec())
}

fn priced_world(story: impl FnOnce()) {
	ByteFee::set(FEE);
	world(story);
	ByteFee::set(0);
}

fn largest_model() -> Balance {
	Model::<Account>::max_encoded_len() as Balance
}

#[test]
fn a_task_holds_the_price_of_its_spec_and_of_a_models_record_for_each_slot() {
	priced_world(|| {
		create(Terms { slots: 2, ..training() }, spec()).unwrap();
		let spec = with_algo().encoded_size() as Balance;
		assert_eq!(held_for_bytes(CREATOR), FEE * (spec + 2 * largest_model()));
	});
}

#[test]
fn an_accepted_model_pays_for_its_record_and_the_rest_comes_back_when_the_task_is_final() {
	priced_world(|| {
		let id = create(training(), spec()).unwrap();
		deliver_model(BOB, id, 90);
		let record = Models::<World>::iter_values().next().unwrap().encoded_size() as Balance;
		assert_eq!(ended(id), Some(Outcome::Done));
		assert_eq!(forfeited(), FEE * record);
		assert_eq!(held_for_bytes(CREATOR), FEE * with_algo().encoded_size() as Balance);
	});
}

#[test]
fn purging_a_task_returns_the_price_of_its_spec() {
	priced_world(|| {
		let id = create(terms(), spec()).unwrap();
		cancel(id, false).unwrap();
		at(START + RETENTION + 1);
		call(CREATOR, Call::purge_task { task: id }).unwrap();
		assert_eq!((held_for_bytes(CREATOR), free(CREATOR), forfeited()), (0, FORTUNE, 0));
	});
}

#[test]
fn a_plan_pays_for_its_record() {
	priced_world(|| {
		call(CREATOR, Call::create_plan {}).unwrap();
		let (id, plan) = Plans::<World>::iter().next().unwrap();
		assert_eq!(forfeited(), FEE * (id, plan).encoded_size() as Balance);
	});
}

#[test]
fn who_cannot_pay_for_its_bytes_creates_nothing() {
	priced_world(|| {
		ByteFee::set(FORTUNE);
		assert_eq!(create(terms(), spec()).map_err(rule), Err("TooLittleBalance".into()));
	});
}
