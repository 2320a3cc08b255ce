//! The part of the random walk that makes certified scores: clean models, offers to score them, claims and results.

use super::{chance::Chance, *};
use pallet_registry::{Models, Objectives};

type Action = (Account, crate::Call<World>);

impl Chance {
	/// One step towards a certified score, by anyone; nothing where there is none to make.
	pub fn scoring(&mut self) -> Option<Action> {
		match self.below(6) {
			0 => self.offer_of_training(),
			1 => self.offer_of_scoring(),
			2..=3 => self.claim_of_either(),
			_ => self.result_of_either(),
		}
	}

	/// Of nothing but an algo, so that its model is clean for the objective.
	fn offer_of_training(&mut self) -> Option<Action> {
		let known: Vec<_> = Objectives::<World>::iter_keys().collect();
		let objectives = vec![self.one_of(&known)].try_into().unwrap();
		let spec = runnable(TaskKind::Training, Spec { objectives, ..spec() });
		let terms = Terms { kind: TaskKind::Training, slots: 1, assignee: None, ..self.terms() };
		Some((CREATOR, Call::create_task { terms, spec }))
	}

	/// Exactly an objective's opener, metric and samples, and a model that is clean for it.
	fn offer_of_scoring(&mut self) -> Option<Action> {
		// Half of them of models that few worked on, so that there are strangers left.
		let any = self.one_in(2);
		let fits = |model: &Model<Account>| !model.clean_for.is_empty() && (any || model.parents.is_empty());
		let clean = Models::<World>::iter().filter(|(.., model)| fits(model));
		let clean: Vec<_> = clean.map(|(submission, output, model)| (submission, output, model.clean_for)).collect();
		if clean.is_empty() {
			return None;
		}
		let (submission, output, objectives) = self.one_of(&clean);
		let chosen = self.one_of(&objectives);
		let objective = Objectives::<World>::get(chosen)?;
		let digests = objective.samples.into_iter().chain([objective.opener, objective.metric]);
		let assets = digests.map(|digest| Input::Asset(AssetRef { owner: objective.owner, digest }));
		let inputs: Vec<_> = assets.chain([Input::Model(ModelId { submission, output })]).collect();
		let spec = Spec { inputs: inputs.try_into().unwrap(), objectives: vec![chosen].try_into().unwrap(), ..spec() };
		let review = Review { judge: CREATOR, window: self.one_of(&[0, 0, WINDOW]) };
		let terms = Terms { kind: TaskKind::Scoring, review, assignee: None, plan: None, ..self.terms() };
		Some((self.person(), Call::create_task { terms, spec }))
	}

	fn claim_of_either(&mut self) -> Option<Action> {
		let kind = self.one_of(&[TaskKind::Scoring, TaskKind::Scoring, TaskKind::Training]);
		let open: Vec<_> = OpenTasks::<World>::iter_key_prefix(kind).filter(can_be_taken).collect();
		let who = self.person();
		(!open.is_empty()).then(|| (who, Call::assign_task { task: self.one_of(&open) }))
	}

	fn result_of_either(&mut self) -> Option<Action> {
		let in_time = |task: &TaskId, worker: &Account| attempt(*worker, *task).due >= TaskPallet::now();
		let live = LiveWorkers::<World>::iter_keys().filter(|(task, _)| names_an_objective(task));
		let live: Vec<_> = live.filter(|(task, worker)| in_time(task, worker)).collect();
		if live.is_empty() {
			return None;
		}
		let (task, worker) = self.one_of(&live);
		let mut sent = result_of(worker, task);
		if let Call::send_task_result { outputs, .. } = &mut sent {
			// Bytes of nobody's, which bring no history.
			outputs
				.iter_mut()
				.for_each(|output| output.digest[..8].copy_from_slice(&NextSubmission::<World>::get().to_be_bytes()));
		}
		Some((worker, sent))
	}
}

/// A call that may make a certified score, or a model for one.
fn names_an_objective(id: &TaskId) -> bool {
	Specs::<World>::get(id).is_some_and(|spec| !spec.objectives.is_empty())
}

fn can_be_taken(id: &TaskId) -> bool {
	names_an_objective(id) && TaskPallet::now() <= TaskPallet::latest_start(&task(*id))
}
