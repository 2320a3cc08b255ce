//! An independent model of lineage and rights, built from calls and events: no Test sample in a model that is clean for it.

use super::{ledger::Ledger, *};
use pallet_registry::{AssetPermissions, ModelRights, Models, PrivateModels, Rights, Scores, TestOf};
use std::{
	cell::RefCell,
	collections::{BTreeMap, BTreeSet},
};

/// A way in which an account made bytes: as the model of this submission, or derived from samples, which is clean for
/// nothing.
#[derive(Clone)]
enum Making {
	Model(ModelId),
	Derived,
}

/// The inputs of an accepted model, as of its acceptance.
struct Recipe {
	/// Its inputs' bytes and its own.
	bytes: BTreeSet<Digest>,
	parents: Vec<ModelId>,
	/// Of each asset whose owner had made it: all the ways in which it had.
	made: Vec<Vec<Making>>,
	imported: bool,
	/// Everyone who worked on it or paid for it, and on what it was made from.
	worked: BTreeSet<Account>,
}

/// An independent model of lineage, built from calls and events and not from the pallet's own records of cleanness and
/// lineage.
#[derive(Default)]
pub struct Witness {
	recipes: BTreeMap<ModelId, Recipe>,
	/// Each making with the moment of its acceptance.
	made: BTreeMap<(Account, Digest), Vec<(Moment, Making)>>,
	first_result: BTreeMap<TaskId, SubmissionId>,
	seen: RefCell<BTreeMap<(ModelId, u64), bool>>,
	paid: BTreeSet<SubmissionId>,
	/// The rights that creators gave on the models of their tasks.
	given: BTreeMap<TaskId, Rights<Account>>,
	/// Results of functions.
	functions: BTreeSet<SubmissionId>,
	/// The number of accepted results at the last check of the lineage.
	looked_at: usize,
	ledger: Ledger,
	/// The number of successes of each call.
	pub done: BTreeMap<&'static str, u32>,
	/// The number of certified scores that are not the scorer's own, and of models that took in what an owner made.
	pub vouched: u32,
	pub remade: u32,
	/// The number of certified scores of predictions, and of results that took a private model.
	pub predicted: u32,
	pub kept: u32,
	/// The number of models on which their creator gave fewer rights than their inputs.
	pub narrowed: u32,
}

impl Witness {
	/// Takes note of a call that succeeded.
	pub fn note(&mut self, call: &crate::Call<World>) {
		use frame_support::traits::GetCallName;
		if let Call::create_task_with_rights { rights, .. } = call {
			self.given.insert(NextTask::<World>::get(), rights.clone());
		}
		*self.done.entry(call.get_call_name()).or_default() += 1;
		self.listen();
	}

	/// Takes note of what was told; a result is paid once, and no entry of the agenda ever fails.
	pub fn listen(&mut self) {
		self.ledger.next_call();
		for event in told() {
			self.ledger.note(&event);
			match event {
				Event::ResultAccepted { task, submission, .. } => {
					assert!(self.paid.insert(submission), "submission {submission} was paid twice");
					self.first_result.entry(task).or_insert(submission);
					self.note_accepted(task, submission);
				}
				Event::Postponed { object, error, .. } => panic!("{object:?} failed with {error:?}"),
				_ => {}
			}
		}
	}

	fn note_accepted(&mut self, id: TaskId, number: SubmissionId) {
		let (task, sent, spec) = (task(id), submission(id, number), Specs::<World>::get(id).expect("it has one"));
		let SubmissionStatus::Accepted { at } = sent.status else { panic!("{number} isn't accepted") };
		let roles = TaskPallet::roles_of(id, task.terms.kind, &spec);
		self.check_rights(id, &spec, &roles, number);
		let labelled_test = assets_of(&spec).any(|named| kind_of(&named) == AssetKind::DataSample(Label::Test));
		if task.terms.kind == TaskKind::Annotation && !labelled_test {
			return;
		}
		if task.terms.kind == TaskKind::Function {
			self.functions.insert(number);
		}
		self.check_holders(&spec, &roles, &sent);
		for output in &sent.outputs {
			let place = roles.models().find(|(_, role)| role.name == output.name).map(|(place, _)| place);
			let making = match place {
				Some(place) => {
					let model = ModelId { submission: number, output: place };
					let recipe = self.recipe(&task, &sent, &spec, &roles, output.digest, at);
					self.remade += u32::from(!recipe.made.is_empty());
					self.recipes.insert(model, recipe);
					Making::Model(model)
				}
				None if task.terms.kind.makes_model() => continue,
				None => Making::Derived,
			};
			self.made.entry((sent.worker, output.digest)).or_default().push((at, making.clone()));
			let had = Assets::<World>::get(task.creator, output.digest).is_some_and(|asset| asset.since <= sent.sent);
			if task.creator != sent.worker && !had {
				self.made.entry((task.creator, output.digest)).or_default().push((at, making.clone()));
			}
		}
	}

	/// Whoever worked on a private model made it.
	fn check_holders(&mut self, spec: &SpecOf<World>, roles: &Roles, sent: &SubmissionOf<World>) {
		for id in self.models_in(spec, roles) {
			if PrivateModels::<World>::contains_key(id.submission, id.output) {
				assert_eq!(Registry::model(&id).expect("it was recorded").trainer, sent.worker, "{id:?} left its node");
				self.kept += 1;
			}
		}
	}

	/// Whoever created a task or worked on it may process all that went in, and its parents' models; its own models have the
	/// rights that all of it gives, and its creator as well.
	fn check_rights(&mut self, id: TaskId, spec: &SpecOf<World>, roles: &Roles, number: SubmissionId) {
		let (task, sent) = (task(id), submission(id, number));
		let assets = assets_of(spec).filter_map(|named| AssetPermissions::<World>::get(named.owner, named.digest));
		let models = self.models_in(spec, roles);
		let models = models.iter().filter_map(|id| ModelRights::<World>::get(id.submission, id.output));
		let results = spec.parents.iter().map(|parent| self.first_result[parent]);
		let parents = results.flat_map(ModelRights::<World>::iter_prefix_values);
		let inputs: Vec<_> = assets.map(|permissions| permissions.rights).chain(models).chain(parents).collect();
		for rights in &inputs {
			assert!(rights.process.allows(&task.creator) && rights.process.allows(&sent.worker), "{sent:?}");
		}
		let given = self.given.get(&id).cloned().unwrap_or_else(Rights::public);
		for (output, _) in roles.models() {
			let made = ModelRights::<World>::get(number, output).unwrap_or_else(Rights::public);
			for right in [|of: &Rights<Account>| &of.process, |of| &of.download, |of| &of.logs] as [fn(&_) -> &_; 3] {
				for who in PEOPLE {
					let by_inputs = inputs.iter().all(|input| right(input).allows(&who));
					let by_creator = right(&given).allows(&who) || who == task.creator;
					assert_eq!(right(&made).allows(&who), by_inputs && by_creator, "{who} on {output} of {sent:?}");
					self.narrowed += u32::from(by_inputs && !by_creator);
				}
			}
		}
	}

	fn recipe(
		&self,
		task: &Task<Account>,
		sent: &SubmissionOf<World>,
		spec: &SpecOf<World>,
		roles: &Roles,
		own: Digest,
		at: Moment,
	) -> Recipe {
		let parents = self.models_in(spec, roles);
		let made: Vec<_> = assets_of(spec).map(|it| self.made_by(&it, at)).filter(|ways| !ways.is_empty()).collect();
		let mut worked = BTreeSet::from([task.creator, sent.worker]);
		let by_asset = made.iter().flatten().filter_map(|making| match making {
			Making::Model(model) => Some(*model),
			Making::Derived => None,
		});
		for model in parents.iter().copied().chain(by_asset) {
			worked.extend(&self.recipes[&model].worked);
		}
		Recipe {
			bytes: assets_of(spec).map(|asset| asset.digest).chain([own]).collect(),
			parents,
			made,
			imported: assets_of(spec).any(|named| kind_of(&named) == AssetKind::Model),
			worked,
		}
	}

	/// The ways in which an asset's owner had made it by this moment.
	fn made_by(&self, named: &AssetRef<Account>, at: Moment) -> Vec<Making> {
		let all = self.made.get(&(named.owner, named.digest)).into_iter().flatten();
		all.filter(|(moment, _)| *moment <= at).map(|(_, making)| making.clone()).collect()
	}

	fn models_in(&self, spec: &SpecOf<World>, roles: &Roles) -> Vec<ModelId> {
		let named = spec.inputs.iter().filter_map(|input| match input {
			Input::Model(model) => Some(*model),
			Input::Asset(_) => None,
		});
		let taken = |take: &Take| ModelId { submission: self.first_result[&take.parent], output: take.output };
		named.chain(roles.takes.iter().map(taken)).collect()
	}

	/// Whether Test bytes of the objective reached the model, or nobody can know. A recipe never changes, nor does this.
	fn has_seen(&self, model: ModelId, objective: u64) -> bool {
		if let Some(seen) = self.seen.borrow().get(&(model, objective)) {
			return *seen;
		}
		let seen = self.look_through(model, objective);
		self.seen.borrow_mut().insert((model, objective), seen);
		seen
	}

	fn look_through(&self, model: ModelId, objective: u64) -> bool {
		let recipe = &self.recipes[&model];
		let each_way_is_unclean = |ways: &Vec<Making>| {
			ways.iter().all(|way| match way {
				Making::Model(made) => self.has_seen(*made, objective),
				Making::Derived => true,
			})
		};
		recipe.imported
			|| recipe.bytes.iter().any(|digest| TestOf::<World>::contains_key(objective, digest))
			|| recipe.parents.iter().any(|parent| self.has_seen(*parent, objective))
			|| recipe.made.iter().any(each_way_is_unclean)
	}

	/// No model that is clean for an objective has seen its Test samples, in whatever role they came, and whoever made
	/// bytes registered them anew; and nobody but a stranger to the whole lineage vouches for a score.
	pub fn check_lineage(&mut self) {
		if std::mem::replace(&mut self.looked_at, self.paid.len()) == self.paid.len() {
			return;
		}
		for (submission, output, recorded) in Models::<World>::iter() {
			let model = ModelId { submission, output };
			for objective in recorded.clean_for {
				assert!(!self.has_seen(model, objective), "{model:?} has seen Test of objective {objective}");
			}
			let recipe = &self.recipes[&model];
			assert!(recipe.worked.iter().all(|who| recorded.worked.may_contain(who)), "somebody is missing: {model:?}");
		}
		(self.vouched, self.predicted) = (0, 0);
		for (objective, submission, score) in Scores::<World>::iter() {
			assert!(!self.has_seen(score.model, objective), "{score:?} is of a model that has seen Test");
			let worked = self.recipes[&score.model].worked.contains(&score.scorer);
			self.predicted += u32::from(self.functions.contains(&submission));
			assert!(score.voucher == Voucher::Own || !worked, "{score:?} is by somebody who worked on the model");
			self.vouched += u32::from(score.voucher != Voucher::Own);
		}
	}
}

fn assets_of(spec: &SpecOf<World>) -> impl Iterator<Item = AssetRef<Account>> + '_ {
	spec.inputs.iter().filter_map(|input| match input {
		Input::Asset(asset) => Some(asset.clone()),
		Input::Model(_) => None,
	})
}

fn kind_of(named: &AssetRef<Account>) -> AssetKind {
	Assets::<World>::get(named.owner, named.digest).expect("inputs are registered").kind
}
