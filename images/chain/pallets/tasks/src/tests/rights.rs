//! Tests of the rights that a creator gives on a task's models: they narrow what the inputs give, and nothing else.

use super::*;
use codec::{Encode, MaxEncodedLen};
use frame_support::{assert_noop, assert_ok};
use pallet_registry::{Access, ModelRights, Rights};
use AssetKind::*;

type Rule = crate::Error<World>;

const FEE: Balance = 3;

fn training() -> TermsOf<World> {
	of(TaskKind::Training)
}

fn rights_on(submission: SubmissionId, output: u8) -> Option<Rights<Account>> {
	ModelRights::<World>::get(submission, output)
}

fn on_samples_for(accounts: &[Account]) -> SpecOf<World> {
	Spec { inputs: vec![for_some(DAVE, 1, DataSample(Label::Train), accounts)].try_into().unwrap(), ..spec() }
}

/// Takes a task and sends what it declares.
fn deliver(worker: Account, id: TaskId) -> SubmissionId {
	take(worker, id).unwrap();
	send(worker, id).unwrap();
	NextSubmission::<World>::get()
}

/// Lets a story cost bytes.
fn priced_world(story: impl FnOnce()) {
	ByteFee::set(FEE);
	world(story);
	ByteFee::set(0);
}

fn purge(id: TaskId) {
	at(TaskPallet::now() + RETENTION + 1);
	call(CREATOR, Call::purge_task { task: id }).unwrap();
}

#[test]
fn a_model_has_the_rights_that_its_inputs_and_its_creator_give() {
	world(|| {
		let given = Rights { process: only(&[BOB, ERIN]), download: only(&[]), logs: Access::Public };
		let id = create_giving(training(), on_samples_for(&[DAVE, CREATOR, BOB, CAROL]), None, given).unwrap();
		let made = rights_on(deliver_model(CAROL, id, 90), 0).unwrap();
		assert_eq!((made.process, made.download, made.logs), (only(&[CREATOR, BOB]), only(&[CREATOR]), Access::Public));
		let open = create_giving(training(), spec(), None, processed_by(&[BOB])).unwrap();
		assert_eq!(rights_on(deliver_model(CAROL, open, 91), 0), Some(processed_by(&[BOB, CREATOR])));
	});
}

#[test]
fn what_a_creator_gives_decides_nothing_about_who_works_on_the_task() {
	world(|| {
		let given = || processed_by(&[ERIN]);
		let open = create_giving(training(), spec(), None, given()).unwrap();
		assert_ok!(take(BOB, open));
		let offered = create_giving(Terms { assignee: Some(CAROL), ..training() }, spec(), None, given()).unwrap();
		let model = deliver_model(CAROL, offered, 90);
		let heir = Spec { inputs: vec![model_input(model)].try_into().unwrap(), ..spec() };
		let again = Terms { assignee: Some(CAROL), ..training() };
		assert_noop!(create(again, heir.clone()), Rule::WorkerNotPermitted);
		assert_noop!(create_as(CAROL, training(), heir.clone()), Rule::CreatorNotPermitted);
		let id = create(training(), heir).unwrap();
		assert_noop!(take(CAROL, id), Rule::WorkerNotPermitted);
		assert_ok!(take(ERIN, id));
	});
}

#[test]
fn a_child_that_waits_has_the_rights_on_the_models_to_come() {
	world(|| {
		let one =
			create_giving(training(), on_samples_for(&[DAVE, CREATOR, BOB, CAROL]), None, processed_by(&[BOB, CAROL]));
		let one = one.unwrap();
		let two = create_giving(training(), child_of(one), None, processed_by(&[CAROL, ERIN])).unwrap();
		let three = create(training(), child_of(two)).unwrap();
		for (worker, id, number) in [(DAVE, one, 90), (BOB, two, 91), (CAROL, three, 92)] {
			assert_noop!(take(ERIN, id), Rule::WorkerNotPermitted);
			let before = (TaskRights::<World>::get(id), OutputRights::<World>::get(id));
			deliver_model(worker, id, number);
			assert_eq!((TaskRights::<World>::get(id), OutputRights::<World>::get(id)), before);
		}
		let process = |id| TaskRights::<World>::get(id).unwrap().process;
		assert_eq!((process(two), process(three)), (only(&[CREATOR, BOB, CAROL]), only(&[CREATOR, CAROL])));
		assert_eq!(rights_on(task(three).result.unwrap(), 0), Some(processed_by(&[CREATOR, CAROL])));
	});
}

#[test]
fn each_declared_model_has_them_and_a_head_is_taken_by_its_worker_only_if_it_may() {
	world(|| {
		let declared = || Some(roles(&head_and_trunk(), &[]));
		let id = create_giving(training(), spec(), declared(), processed_by(&[BOB])).unwrap();
		let model = deliver(BOB, id);
		assert!((0..2).all(|output| rights_on(model, output) == Some(processed_by(&[BOB, CREATOR]))));
		let narrow = create_giving(training(), spec(), declared(), processed_by(&[])).unwrap();
		let child = create_with(training(), child_of(narrow), &head_and_trunk(), &[(narrow, 0), (narrow, 1)]).unwrap();
		deliver(BOB, narrow);
		next_block();
		assert_eq!(ended(child), Some(Outcome::Cancelled));
	});
}

#[test]
fn rights_are_given_on_models_only_and_name_few_enough_accounts() {
	world(|| {
		let everyone = Rights::public;
		assert_noop!(create_giving(terms(), spec(), None, everyone()), Rule::RightsMisplaced);
		let numbers = Some(roles(&[performance_role("a")], &[]));
		assert_noop!(create_giving(of(TaskKind::Function), spec(), numbers, everyone()), Rule::RightsMisplaced);
		let many: Vec<_> = (100..132).collect();
		assert_noop!(create_giving(training(), spec(), None, processed_by(&many)), Rule::TooManyAccounts);
		assert_ok!(create_giving(training(), spec(), None, processed_by(&many[1..])));
		let id = create_giving(training(), spec(), None, everyone()).unwrap();
		assert!(!OutputRights::<World>::contains_key(id) && !TaskRights::<World>::contains_key(id));
		assert_eq!(rights_on(deliver_model(BOB, id, 90), 0), None);
	});
}

#[test]
fn the_bytes_of_rights_are_held_and_come_back_with_the_purge() {
	priced_world(|| {
		let accounts = [DAVE, CREATOR, BOB];
		let spec = on_samples_for(&accounts);
		let id = create_giving(training(), spec.clone(), None, processed_by(&[CREATOR, ERIN])).unwrap();
		let (task_rights, given) = (processed_by(&accounts), processed_by(&[CREATOR, ERIN]));
		let kept =
			runnable(TaskKind::Training, spec).encoded_size() + task_rights.encoded_size() + given.encoded_size();
		assert_eq!(task(id).bytes.spec, FEE * kept as Balance);
		let model = pallet_registry::Model::<Account>::max_encoded_len() + processed_by(&[CREATOR]).encoded_size();
		assert_eq!(task(id).bytes.records, FEE * model as Balance);
		cancel(id, false).unwrap();
		assert_eq!(held_for_bytes(CREATOR), FEE * kept as Balance);
		purge(id);
		assert_eq!((held_for_bytes(CREATOR), free(CREATOR), forfeited()), (0, FORTUNE, 0));
		assert_eq!(TaskRights::<World>::iter_keys().count() + OutputRights::<World>::iter_keys().count(), 0);
	});
}

#[test]
fn a_models_record_pays_for_its_rights() {
	priced_world(|| {
		let id = create_giving(training(), spec(), None, processed_by(&[ERIN])).unwrap();
		let model = deliver_model(BOB, id, 90);
		let record = pallet_registry::Models::<World>::get(model, 0).unwrap().encoded_size();
		let rights = rights_on(model, 0).unwrap().encoded_size();
		assert_eq!(forfeited(), FEE * (record + rights) as Balance);
	});
}

/// A task as runtime 4 stored it: the rights unpaid, and those on its parents' models not known before there are any.
fn as_runtime_4(id: TaskId, known: Option<Rights<Account>>) {
	let unpaid = TaskRights::<World>::get(id).map_or(0, |rights| FEE * rights.encoded_size() as Balance);
	TaskPallet::release(crate::HoldReason::Bytes, &CREATOR, unpaid).unwrap();
	Tasks::<World>::mutate_extant(id, |task| task.bytes.spec -= unpaid);
	TaskRights::<World>::set(id, known);
}

#[test]
fn a_task_of_runtime_4_gets_back_what_it_paid_and_has_the_rights_on_its_parents_models() {
	priced_world(|| {
		let parent = create(training(), on_samples_for(&[DAVE, CREATOR, BOB])).unwrap();
		let child = create(training(), child_of(parent)).unwrap();
		let carols = create(training(), child_of(parent)).unwrap();
		let annotation = create(terms(), child_of(parent)).unwrap();
		as_runtime_4(parent, TaskRights::<World>::get(parent));
		for id in [child, carols, annotation] {
			as_runtime_4(id, None);
		}
		Tasks::<World>::mutate_extant(carols, |task| task.terms.assignee = Some(CAROL));
		deliver_model(BOB, parent, 90);
		next_block();
		assert_eq!(ended(carols), Some(Outcome::Cancelled));
		for id in [child, annotation] {
			assert_noop!(take(CAROL, id), Rule::WorkerNotPermitted);
			cancel(id, false).unwrap();
			assert_eq!(TaskRights::<World>::get(id), Some(processed_by(&[DAVE, CREATOR, BOB])));
		}
		let (paid, all) = (|id: TaskId| task(id).bytes.spec, [child, carols, annotation, parent]);
		let held = held_for_bytes(CREATOR);
		assert_eq!(held, all.into_iter().map(paid).sum());
		let before = free(CREATOR);
		all.into_iter().for_each(purge);
		assert_eq!((held_for_bytes(CREATOR), free(CREATOR)), (0, before + held));
	});
}
