//! The part of the random walk that declares roles and rights: functions, predictions and their scores, composites.

use super::{chance::Chance, *};
use pallet_registry::{Access, Models, ObjectiveIds, Objectives, Predictions, PrivateModels, Rights};

type Action = (Account, crate::Call<World>);

impl Chance {
	/// One step of a task that declares roles, by anyone; nothing where there is none to make.
	pub fn with_roles(&mut self) -> Option<Action> {
		match self.below(12) {
			0..=1 => self.offer_of_composite(),
			2 => self.offer_of_prediction(),
			3 => self.offer_of_performance(),
			4 if self.one_in(2) => self.offer_of_function(),
			4..=7 => self.claim_of_roles(),
			_ => self.result_of_roles(),
		}
	}

	/// The same task with rights on its models for some, where the call creates one.
	pub fn giving_rights(&mut self, action: crate::Call<World>) -> crate::Call<World> {
		let (terms, spec, roles) = match action {
			Call::create_task { terms, spec } => (terms, spec, None),
			Call::create_task_with_roles { terms, spec, roles } => (terms, spec, Some(roles)),
			other => return other,
		};
		let mut some = || {
			let accounts = PEOPLE.into_iter().filter(|_| !self.one_in(4)).collect::<Vec<_>>();
			if self.one_in(2) {
				Access::Public
			} else {
				only(&accounts)
			}
		};
		let rights = Rights { process: some(), download: some(), logs: some() };
		Call::create_task_with_rights { terms, spec, roles, rights }
	}

	fn with(&mut self, kind: TaskKind, spec: SpecOf<World>, roles: Roles) -> Option<Action> {
		let review = Review { judge: CREATOR, window: self.one_of(&[0, 0, WINDOW]) };
		let terms = Terms { kind, slots: 1, review, assignee: None, plan: None, ..self.terms() };
		Some((CREATOR, Call::create_task_with_roles { terms, spec: runnable(kind, spec), roles }))
	}

	/// With the head of an earlier one and a trunk, recorded or awaited, or with neither.
	fn offer_of_composite(&mut self) -> Option<Action> {
		let both = |id: &(SubmissionId, u8)| id.1 == 0 && Models::<World>::contains_key(id.0, 1);
		let kept: Vec<_> = PrivateModels::<World>::iter_keys().filter(both).collect();
		if !kept.is_empty() && self.one_in(2) {
			let (submission, _) = self.one_of(&kept);
			let inputs = vec![0, 1].into_iter().map(|output| Input::Model(ModelId { submission, output }));
			let spec = Spec { inputs: inputs.collect::<Vec<_>>().try_into().unwrap(), ..spec() };
			return self.with(TaskKind::Training, spec, roles(&head_and_trunk(), &[]));
		}
		let lost = |id: &TaskId| ended(*id).is_some_and(|outcome| outcome != Outcome::Done);
		let composite = |id: &TaskId| !lost(id) && TaskRoles::<World>::get(id).is_some_and(|roles| roles.keeps_head());
		let earlier: Vec<_> = Tasks::<World>::iter_keys().filter(composite).collect();
		if earlier.is_empty() || self.one_in(3) {
			return self.with(TaskKind::Training, spec(), roles(&head_and_trunk(), &[]));
		}
		let (head, trunk) = (self.one_of(&earlier), self.one_of(&earlier));
		let mut parents = vec![head, trunk];
		parents.dedup();
		let spec = Spec { parents: parents.try_into().unwrap(), ..spec() };
		self.with(TaskKind::Training, spec, roles(&head_and_trunk(), &[(head, 0), (trunk, 1)]))
	}

	/// Of a clean model, on exactly the opener and the samples of an objective.
	fn offer_of_prediction(&mut self) -> Option<Action> {
		let known: Vec<_> = Models::<World>::iter_keys().collect();
		let (submission, output) = (!known.is_empty()).then(|| self.one_of(&known))?;
		let clean_for = Models::<World>::get(submission, output)?.clean_for;
		let chosen = (!clean_for.is_empty()).then(|| self.one_of(&clean_for))?;
		let mut inputs = self.measured(chosen, false);
		inputs.push(Input::Model(ModelId { submission, output }));
		let objectives = ObjectiveIds::truncate_from(vec![chosen]);
		let spec = Spec { inputs: inputs.try_into().unwrap(), objectives, ..spec() };
		self.with(TaskKind::Function, spec, roles(&[model_role("predictions")], &[]))
	}

	/// Of a prediction that there is, by its objective's metric.
	fn offer_of_performance(&mut self) -> Option<Action> {
		let known: Vec<_> = Predictions::<World>::iter_keys().collect();
		let (submission, output) = (!known.is_empty()).then(|| self.one_of(&known))?;
		let chosen = Predictions::<World>::get(submission, output)?.objectives[0];
		let mut inputs = self.measured(chosen, true);
		inputs.push(Input::Model(ModelId { submission, output }));
		let objectives = ObjectiveIds::truncate_from(vec![chosen]);
		let spec = Spec { inputs: inputs.try_into().unwrap(), objectives, ..spec() };
		self.with(TaskKind::Function, spec, roles(&[performance_role("performance")], &[]))
	}

	fn measured(&self, chosen: u64, metric: bool) -> Vec<Input<Account>> {
		let objective = Objectives::<World>::get(chosen).expect("a model is clean for it");
		let more = [objective.opener].into_iter().chain(metric.then_some(objective.metric));
		let digests = objective.samples.into_iter().chain(more);
		digests.map(|digest| Input::Asset(AssetRef { owner: objective.owner, digest })).collect()
	}

	/// Of any inputs, of which some outputs are performances or private.
	fn offer_of_function(&mut self) -> Option<Action> {
		let spec = self.spec(TaskKind::Function);
		let outputs =
			[model_role("a"), OutputRole { private: self.one_in(3), ..model_role("b") }, performance_role("c")];
		let outputs = self.some_of(&outputs, 2);
		let takes: Vec<_> = spec.parents.iter().map(|parent| (*parent, self.below(2) as u8)).collect();
		self.with(TaskKind::Function, spec, roles(&outputs, &takes))
	}

	fn claim_of_roles(&mut self) -> Option<Action> {
		let declares = |id: &TaskId| {
			let takeable = TaskPallet::now() <= TaskPallet::latest_start(&task(*id));
			TaskRoles::<World>::contains_key(id) && takeable
		};
		let who = self.person();
		let open = OpenTasks::<World>::iter_keys().map(|(_, task)| (who, task));
		let open: Vec<_> = open.filter(|(_, task)| declares(task)).collect();
		// Those that take a private model are offered to its worker.
		let offered: Vec<_> = Offers::<World>::iter_keys().filter(|(_, task)| declares(task)).collect();
		let found = if offered.is_empty() { open } else { offered };
		(!found.is_empty()).then(|| self.one_of(&found)).map(|(who, task)| (who, Call::assign_task { task }))
	}

	fn result_of_roles(&mut self) -> Option<Action> {
		let live = LiveWorkers::<World>::iter_keys().filter(|(task, _)| TaskRoles::<World>::contains_key(task));
		let live: Vec<_> = live.collect();
		if live.is_empty() {
			return None;
		}
		let (task, worker) = self.one_of(&live);
		let mut sent = result_of(worker, task);
		if let Call::send_task_result { outputs, .. } = &mut sent {
			// Bytes of nobody's, which bring no history.
			let fresh = NextSubmission::<World>::get().to_be_bytes();
			outputs.iter_mut().for_each(|output| output.digest[..8].copy_from_slice(&fresh));
		}
		Some((worker, sent))
	}
}
