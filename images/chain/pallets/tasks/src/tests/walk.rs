//! The random walk: the invariants hold after every one of thousands of steps, and in the end every task is final.

use super::{chance::Chance, order::both_orders_agree, witness::Witness, *};
use pallet_registry::{Access, Algos, AssetPermissions, Permissions, Rights};

/// Assets of two owners, whose digests overlap under different labels, and an objective of each.
pub fn furnish() {
	for owner in [CREATOR, DAVE] {
		for number in 1..4 {
			asset(owner, number, AssetKind::DataSample(Label::Train));
		}
		asset(owner, 30, AssetKind::Opener);
		asset(owner, 31, AssetKind::Metric);
		asset(owner, 32, AssetKind::Algo);
	}
	asset(CREATOR, 33, AssetKind::Model);
	asset_seen(BOB, 4, AssetKind::DataSample(Label::Train), Visibility::Private);
	// Not everyone may process this one.
	let process = Access::Accounts(vec![DAVE, CREATOR, BOB, CAROL].try_into().unwrap());
	let rights = Rights { process, ..Rights::public() };
	AssetPermissions::<World>::insert(DAVE, digest(2), Permissions { rights, algos: Algos::Any });
	objective(CREATOR, &[11, 12]);
	objective(DAVE, &[12, 13]);
	// Someone tries to pass Test samples off as Train samples.
	asset(BOB, 11, AssetKind::DataSample(Label::Train));
	asset(CREATOR, 13, AssetKind::DataSample(Label::Train));
}

fn step(chance: &mut Chance, witness: &mut Witness) {
	match chance.below(20) {
		0 => at(TaskPallet::now() + chance.below(20)),
		1 => at(TaskPallet::now() + chance.below(120)),
		2 if chance.one_in(20) => at(TaskPallet::now() + RETENTION),
		2..=3 => drop(TaskPallet::on_idle(1, Weight::from_parts(chance.below(200_000_000_000), 0))),
		4 => return both_orders_agree(chance),
		5 => chance.register_a_result(),
		other => {
			let made = match other {
				6 => chance.result(),
				14..=15 => chance.with_roles(),
				16..=19 => chance.scoring(),
				_ => None,
			};
			let (who, action) = made.unwrap_or_else(|| chance.action());
			let action = if chance.one_in(4) { chance.giving_rights(action) } else { action };
			if call(who, action.clone()).is_err() {
				// A refused call changes nothing, so there is nothing new to check.
				return;
			}
			witness.note(&action);
		}
	}
	witness.listen();
	invariants::check();
	witness.check_lineage();
}

/// Once nobody does anything any more, time alone ends every task and returns or spends all that is held.
fn let_time_end_everything(witness: &mut Witness) {
	for _ in 0..40 {
		sweep_at(TaskPallet::now() + 1_000);
		witness.listen();
		invariants::check();
	}
	assert_eq!(Agenda::<World>::iter_keys().count(), 0);
	assert!(Tasks::<World>::iter_values().all(|task| task.is_final()));
	assert!(PEOPLE.iter().all(|who| escrow_of(*who) + bond_of(*who) == 0));
}

/// And once the retention period is over, every record can go.
fn purge_everything() {
	at(TaskPallet::now() + RETENTION + EVIDENCE + 1);
	let ids: Vec<_> = Tasks::<World>::iter_keys().collect();
	for task in ids {
		while Tasks::<World>::contains_key(task) {
			call(ERIN, Call::purge_task { task }).unwrap();
		}
	}
	for plan in Plans::<World>::iter_keys().collect::<Vec<_>>() {
		call(ERIN, Call::purge_plan { plan }).unwrap();
	}
	assert_eq!(SentOutputs::<World>::iter_keys().count() + Plans::<World>::iter_keys().count(), 0);
	assert_eq!(TaskRoles::<World>::iter_keys().count() + TaskRights::<World>::iter_keys().count(), 0);
	assert_eq!(OutputRights::<World>::iter_keys().count(), 0);
	assert_eq!(Specs::<World>::iter_keys().count() + TasksOf::<World>::iter_keys().count(), 0);
	assert_eq!(Assignments::<World>::iter_keys().count() + Workers::<World>::iter_keys().count(), 0);
	assert_eq!(Submissions::<World>::iter_keys().count() + Children::<World>::iter_keys().count(), 0);
	assert!(PEOPLE.iter().all(|who| held_for_bytes(*who) == 0));
	assert_eq!(Awaiting::<World>::iter_keys().count() + PlanTasks::<World>::iter_keys().count(), 0);
}

fn walk(seed: u64) -> Witness {
	ByteFee::set(1);
	let mut witness = Witness::default();
	world(|| {
		furnish();
		let mut chance = Chance::from_seed(seed);
		for _ in 0..4 * of_environment("WALK_BLOCKS", 400) {
			step(&mut chance, &mut witness);
		}
		let_time_end_everything(&mut witness);
		purge_everything();
	});
	witness
}

/// A longer walk, or one that begins with another seed, is asked for by the environment.
fn of_environment(name: &str, usual: u64) -> u64 {
	std::env::var(name).map_or(usual, |value| value.parse().expect("a number"))
}

#[test]
fn the_invariants_hold_whatever_anyone_does() {
	let mut done = std::collections::BTreeMap::new();
	let (mut vouched, mut remade, mut predicted, mut kept, mut narrowed) = (Vec::new(), 0, 0, 0, 0);
	for seed in of_environment("WALK_FIRST", 1)..=of_environment("WALK_SEEDS", 4) {
		let witness = walk(seed);
		vouched.push(witness.vouched);
		remade += witness.remade;
		predicted += witness.predicted;
		kept += witness.kept;
		narrowed += witness.narrowed;
		for (call, times) in witness.done {
			*done.entry(call).or_insert(0) += times;
		}
	}
	println!("{done:?}, {vouched:?} scores certified by strangers, {remade} models of bytes that their owner made");
	println!("{predicted} scores of predictions, {kept} results of private models, {narrowed} rights narrowed");
	// A walk in which calls only fail would show nothing.
	assert_eq!(done.len(), 18, "some calls never succeeded: {done:?}");
	assert!(done.values().all(|times| *times >= 1) && remade >= 5, "{done:?}, {remade}");
	assert!(predicted >= 5 && kept >= 5 && narrowed >= 5, "{predicted}, {kept} and {narrowed}");
	assert!(vouched.iter().all(|scores| *scores >= 5), "certified by strangers, by seed: {vouched:?}");
}
