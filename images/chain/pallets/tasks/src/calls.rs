//! The dispatchable functions. Each settles what is due on the objects it touches, then does its own work.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod calls {
	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Opens a plan: tasks that are cancelled together.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::create_plan())]
		pub fn create_plan(origin: OriginFor<T>) -> DispatchResult {
			let creator = ensure_signed(origin)?;
			let plan = NextPlan::<T>::mutate(Self::count);
			let record = Plan { creator: creator.clone(), cancelled: None, touched: Self::now(), alarm: None };
			pallet_registry::Pallet::<T>::charge(&creator, (plan, &record).encoded_size())?;
			Plans::<T>::insert(plan, record);
			Self::deposit_event(Event::PlanCreated { plan, creator });
			Ok(())
		}

		/// Cancels all tasks of a plan; the agenda reaches those nobody touches.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::cancel_plan())]
		pub fn cancel_plan(origin: OriginFor<T>, plan: PlanId, abort: bool) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_cancel_plan(who, plan, abort)
		}

		/// Offers work: holds `slots · reward + max_rejects · fee` until it is paid or comes back.
		#[pallet::call_index(2)]
		#[pallet::weight(create_task::<T>(spec))]
		pub fn create_task(origin: OriginFor<T>, terms: TermsOf<T>, spec: SpecOf<T>) -> DispatchResultWithPostInfo {
			let creator = ensure_signed(origin)?;
			let weighed = create_task::<T>(&spec);
			Self::do_create_task(creator, terms, spec, Declared::default())?;
			let used = weighed.saturating_sub(task_unneeded::<T>(NextTask::<T>::get()));
			Ok(Some(used).into())
		}

		/// Ends claims. What is live finishes and is paid; with `abort` it ends, paid by the time it held the task: all
		/// of the reward from a quarter of the allowed time on.
		#[pallet::call_index(3)]
		#[pallet::weight(cancel_task::<T>())]
		pub fn cancel_task(origin: OriginFor<T>, task: TaskId, abort: bool) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::touch(task, cancel_task::<T>(), cancel_unneeded::<T>, |record, now| {
				Self::cancel(task, record, who, abort, now)
			})
		}

		/// Opens a paused task again, after its creator looked at why workers failed; not later than it can be taken.
		#[pallet::call_index(4)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::resume_task()))]
		pub fn resume_task(origin: OriginFor<T>, task: TaskId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let weighed = touch::<T>(<T as Config>::WeightInfo::resume_task());
			Self::touch(task, weighed, task_unneeded::<T>, |record, now| Self::resume(task, record, who, now))
		}

		/// Takes a slot: holds the bond, starts the clock, gives the attempt its epoch.
		#[pallet::call_index(5)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::assign_task()))]
		pub fn assign_task(origin: OriginFor<T>, task: TaskId) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			let weighed = touch::<T>(<T as Config>::WeightInfo::assign_task());
			Self::touch(task, weighed, task_unneeded::<T>, |record, now| Self::claim(task, record, worker, now))
		}

		/// Sends the attempt's result. The same again is success without change.
		#[pallet::call_index(6)]
		#[pallet::weight(send_result::<T>(perfs.len()))]
		pub fn send_task_result(
			origin: OriginFor<T>,
			task: TaskId,
			epoch: Epoch,
			result: Digest,
			outputs: Outputs,
			uri: Uri,
			perfs: Perfs,
		) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			let weighed = send_result::<T>(perfs.len());
			let sent = SentResult { epoch, result, outputs, uri, perfs };
			Self::touch(task, weighed, send_unneeded::<T>, |record, now| Self::send(task, record, worker, sent, now))
		}

		/// Ends the attempt without a result. Its fee, a quarter of the bond · held ÷ allowed, stays held until the creator
		/// confirms the report or the task is final.
		#[pallet::call_index(7)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::report_failure()))]
		pub fn report_failure(
			origin: OriginFor<T>,
			task: TaskId,
			epoch: Epoch,
			category: FailureCategory,
			log: Digest,
		) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			let weighed = touch::<T>(<T as Config>::WeightInfo::report_failure());
			Self::touch(task, weighed, task_unneeded::<T>, |record, now| {
				Self::report(task, record, worker, epoch, category, log, now)
			})
		}

		/// Confirms, by the creator, an account's reports before this moment: their fees are returned.
		#[pallet::call_index(8)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::confirm_failure()))]
		pub fn confirm_failure(origin: OriginFor<T>, task: TaskId, worker: T::AccountId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let weighed = touch::<T>(<T as Config>::WeightInfo::confirm_failure());
			Self::touch(task, weighed, task_unneeded::<T>, |record, now| Self::confirm(task, record, who, worker, now))
		}

		/// Gives the slot back, for a quarter of the bond · held ÷ allowed.
		#[pallet::call_index(9)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::hand_back()))]
		pub fn hand_back(origin: OriginFor<T>, task: TaskId, epoch: Epoch) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			let weighed = touch::<T>(<T as Config>::WeightInfo::hand_back());
			Self::touch(task, weighed, task_unneeded::<T>, |record, now| {
				Self::give_back(task, record, worker, epoch, now)
			})
		}

		/// Accepts a result, by its judge: pays the worker, returns the bond, records the model.
		#[pallet::call_index(10)]
		#[pallet::weight(accept_result::<T>())]
		pub fn accept_task_results(
			origin: OriginFor<T>,
			task: TaskId,
			submission: SubmissionId,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::touch(task, accept_result::<T>(), result_unneeded::<T>, |record, now| {
				Self::judge(task, record, who, submission, now, |record, judged| {
					Self::accept(task, record, submission, judged, now)
				})
			})
		}

		/// Rejects a result, by its judge, at a cost to both sides, so that neither gains by it.
		#[pallet::call_index(11)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::reject_task_results()))]
		pub fn reject_task_results(
			origin: OriginFor<T>,
			task: TaskId,
			submission: SubmissionId,
			reason: Reason,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let weighed = touch::<T>(<T as Config>::WeightInfo::reject_task_results());
			Self::touch(task, weighed, task_unneeded::<T>, |record, now| {
				Self::judge(task, record, who, submission, now, |record, judged| {
					Self::reject(task, record, submission, judged, reason, now)
				})
			})
		}

		/// Does what is due on an object, by anyone, and nothing else.
		#[pallet::call_index(12)]
		#[pallet::weight(poke::<T>())]
		pub fn poke(origin: OriginFor<T>, object: ObjectOf<T>) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			let weighed = settle::<T>(&object);
			Self::settle(&object)?;
			Ok(Some(weighed).into())
		}

		/// Removes the records of a final task, some of them at a time: by its creator after the retention period where
		/// no result was rejected, else, and by anyone, after the evidence period as well. Models and scores stay.
		#[pallet::call_index(13)]
		#[pallet::weight(purge_task::<T>())]
		pub fn purge_task(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_purge_task(who, task)
		}

		/// Removes the record of a plan none of whose tasks is live, after the same periods as a task's.
		#[pallet::call_index(14)]
		#[pallet::weight(<T as Config>::WeightInfo::purge_plan())]
		pub fn purge_plan(origin: OriginFor<T>, plan: PlanId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_purge_plan(who, plan)
		}

		/// Declines a task that is offered to the caller alone: it closes for good. Costs nothing when it succeeds.
		#[pallet::call_index(15)]
		#[pallet::weight(touch::<T>(<T as Config>::WeightInfo::decline_offer()))]
		pub fn decline_offer(origin: OriginFor<T>, task: TaskId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::with_task(task, |record, now| Self::decline(task, record, who, now))?;
			Ok(Pays::No.into())
		}

		/// Offers work as `create_task` does, and declares the task's outputs and which outputs of its parents it takes.
		#[pallet::call_index(16)]
		#[pallet::weight(create_task_with_roles::<T>(spec))]
		pub fn create_task_with_roles(
			origin: OriginFor<T>,
			terms: TermsOf<T>,
			spec: SpecOf<T>,
			roles: Roles,
		) -> DispatchResultWithPostInfo {
			let creator = ensure_signed(origin)?;
			let weighed = create_task_with_roles::<T>(&spec);
			Self::do_create_task(creator, terms, spec, Declared { roles: Some(roles), rights: None })?;
			let used = weighed.saturating_sub(task_unneeded::<T>(NextTask::<T>::get()));
			Ok(Some(used).into())
		}

		/// Offers work as `create_task` or `create_task_with_roles` does, and narrows the rights on the models that it makes:
		/// an account has those which every input gives it and these rights as well. Who may work on the task stays as its
		/// inputs say.
		#[pallet::call_index(17)]
		#[pallet::weight(create_task_with_rights::<T>(spec))]
		pub fn create_task_with_rights(
			origin: OriginFor<T>,
			terms: TermsOf<T>,
			spec: SpecOf<T>,
			roles: Option<Roles>,
			rights: RightsOf<T>,
		) -> DispatchResultWithPostInfo {
			let creator = ensure_signed(origin)?;
			let weighed = create_task_with_rights::<T>(&spec);
			Self::do_create_task(creator, terms, spec, Declared { roles, rights: Some(rights) })?;
			let used = weighed.saturating_sub(task_unneeded::<T>(NextTask::<T>::get()));
			Ok(Some(used).into())
		}
	}
}
