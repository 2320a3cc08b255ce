//! Tests of the weights of calls and of their refunds; a picosecond costs a base unit.

use super::*;
use frame_support::dispatch::{GetDispatchInfo, PostDispatchInfo};
use sp_runtime::traits::Dispatchable;

/// A hundredth of a UNIT, of which half a thousandth goes to the bytes and the signatures of two transactions.
const USUAL: u64 = 10_000_000_000 - 700_000_000;

fn paid_for(who: Account, call: crate::Call<World>) -> u64 {
	let call = RuntimeCall::TaskPallet(call);
	let info = call.get_dispatch_info();
	let post: PostDispatchInfo = call.dispatch(RuntimeOrigin::signed(who)).unwrap();
	post.calc_actual_weight(&info).ref_time()
}

#[test]
fn a_usual_claim_and_result_weigh_little() {
	world(|| {
		let train = (1..4).map(|number| asset(CREATOR, number, AssetKind::DataSample(Label::Train)));
		let spec = Spec { inputs: train.collect::<Vec<_>>().try_into().unwrap(), ..spec() };
		let id = create(Terms { kind: TaskKind::Training, ..judged() }, spec).unwrap();
		let claim = paid_for(BOB, Call::assign_task { task: id });
		let result = paid_for(BOB, result_of(BOB, id));
		println!("claim {claim}, result {result}");
		assert!(claim + result <= USUAL, "claim {claim}, result {result}");
	});
}

#[test]
fn a_refused_call_pays_for_no_more_than_it_needed() {
	world(|| {
		let id = create(terms(), spec()).unwrap();
		take(BOB, id).unwrap();
		let call = RuntimeCall::TaskPallet(Call::assign_task { task: id });
		let info = call.get_dispatch_info();
		let refused = call.dispatch(RuntimeOrigin::signed(CAROL)).unwrap_err();
		assert!(refused.post_info.calc_actual_weight(&info).ref_time() < info.total_weight().ref_time() / 2);
	});
}

#[test]
fn an_abort_pays_for_the_attempts_that_it_ends() {
	world(|| {
		let id = create(Terms { slots: 4, ..terms() }, spec()).unwrap();
		take(BOB, id).unwrap();
		let plain = paid_for(CREATOR, Call::cancel_task { task: id, abort: false });
		let other = create(Terms { slots: 4, ..terms() }, spec()).unwrap();
		take(CAROL, other).unwrap();
		let abort = paid_for(CREATOR, Call::cancel_task { task: other, abort: true });
		assert!(plain < abort, "{plain} and {abort}");
	});
}
