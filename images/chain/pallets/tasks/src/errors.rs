//! The pallet's errors: one for each rule, each with its remedy.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// There is no such task; it may have been purged. List the creator's tasks.
		NoSuchTask,
		/// There is no such plan. Create it first.
		NoSuchPlan,
		/// There is no such submission of this task. List the task's results.
		NoSuchSubmission,
		/// This account has no assignment of this task. Take the task first.
		NoSuchAssignment,
		/// Only the creator may do this. Sign with the creator's key.
		NotCreator,
		/// Only the judge may do this. Sign with the judge's key.
		NotJudge,
		/// The free balance can't bear what has to be held. Fund the account.
		TooLittleBalance,
		/// The reward is below the minimum. Raise it.
		TooLittleReward,
		/// The bond is below the minimum, or below what a rejection costs. Raise it.
		TooLittleBond,
		/// The reward is above the maximum, or the amounts are too large to be added. Lower them.
		AmountTooLarge,
		/// A task needs at least one slot, and at least one failure to pause it.
		NoSlots,
		/// A task with parents' role, or for one assignee or private data, has exactly one slot.
		OneSlotOnly,
		/// The deadline is nearer than the shortest attempt. Create a task with a later one.
		DeadlineTooNear,
		/// The timeout is below the minimum. Raise it.
		TimeoutTooShort,
		/// The review window is above the maximum. Shorten it.
		WindowTooLong,
		/// Only the plan's creator may add tasks to it.
		NotPlanCreator,
		/// The plan is cancelled. Create another one.
		PlanCancelled,
		/// A parent is none of the creator's tasks. Name your own earlier tasks.
		NotYourParent,
		/// A parent ended without an accepted result. Create it anew first.
		ParentFailed,
		/// A parent makes no model, or none at the named place among its outputs. Name an output of kind Model.
		ParentMakesNoModel,
		/// A parent, an input or a model is named twice. Name it once.
		NamedTwice,
		/// An input asset is not registered under this owner. Register it first.
		NoSuchAsset,
		/// An input model is unknown. Models come from accepted results.
		NoSuchModel,
		/// An objective is unknown. Create it first.
		NoSuchObjective,
		/// More than 16 models go into one. Aggregate in steps.
		TooManyModels,
		/// An input is a Test sample, or its bytes are Test for an objective the model is for. Leave it out.
		TestSampleInTraining,
		/// An asset's kind has no place in a task of this kind. Compare the table of kinds.
		WrongAssetKind,
		/// Private inputs belong to different accounts, or to another one than the assignee. One node must hold all.
		PrivateInputsDiffer,
		/// A task of this kind names no objectives, or a scoring more than one.
		ObjectivesMisplaced,
		/// The scoring uses other samples, another opener or metric than the objective. Use exactly its own.
		NotTheObjectives,
		/// A scoring scores exactly one model, or the head and the trunk of one result.
		OneModelOnly,
		/// The model did not keep clear of this objective's Test samples, or nobody knows. Name the objective when training.
		NotCertifiable,
		/// The task takes no claims or results now. See its status.
		NotOpen,
		/// The task is final. Create another one.
		TaskFinal,
		/// The task is closing already; only aborting is possible.
		AlreadyClosing,
		/// The task is not paused.
		NotPaused,
		/// The task or plan is not over, or something live points to it, or it is kept longer: see who may purge when.
		StillNeeded,
		/// All slots are taken. Look for another task.
		SlotsFull,
		/// The task is offered to another account.
		NotOffered,
		/// The judge may not judge its own work, unless it pays for it. Name another judge or assignee.
		JudgeCannotWork,
		/// This account has a live attempt at this task already. Go on with it.
		AlreadyAssigned,
		/// This account's attempts at this task are used up. Leave it to others.
		AttemptsExhausted,
		/// The attempt has ended already. Drop its result.
		NotLive,
		/// The epoch is that of an earlier attempt. Drop its result.
		WrongEpoch,
		/// The attempt's time is over. Drop its result.
		PastDue,
		/// This attempt sent another result already; results are never replaced.
		AlreadySent,
		/// A result must have each model that its task makes: those it declares, else one named `model`.
		ModelMissing,
		/// Two outputs have the same name.
		OutputNamedTwice,
		/// A scoring's numbers begin with `all`, a function's are exactly its performances; no other result has any.
		ScoreMisplaced,
		/// The submission was decided already, perhaps by silence.
		AlreadyDecided,
		/// The task's rejections are used up; silence accepts.
		RejectsExhausted,
		/// There is no report whose fee waits for a decision.
		NoReport,
		/// A scoring without objective takes at least one Train sample, at most one opener and one metric. Name them.
		NoCrossValidation,
		/// The inputs of a model belong to more than 16 accounts. Train in steps.
		TooManyOwners,
		/// Two numbers have the same name.
		NumberNamedTwice,
		/// A number is above 10^18 or below -10^18. Scale it.
		NumberTooLarge,
		/// The deadline is further away than a task may last. Move it nearer.
		DeadlineTooFar,
		/// The timeout is above the maximum. Lower it.
		TimeoutTooLong,
		/// A task has at most `MaxSlots` slots. Offer the rest as another task.
		TooManySlots,
		/// A task allows at most three rejections for each slot. Lower max_rejects.
		TooManyRejects,
		/// `max_failures` is above the maximum. Lower it.
		TooManyFailures,
		/// The bond is above ten rewards and the allowance. Lower it, or raise the reward.
		BondTooLarge,
		/// A training has an algo or a bundle, a function something that runs. Name one.
		NothingToRun,
		/// An aggregation takes at least one model. Name it, or a parent.
		NothingToAggregate,
		/// A function declares outputs; a training and an aggregation declare models only, others none. Compare the kinds.
		RolesMisplaced,
		/// A task takes an output of a task that is no parent, or none of a parent. Name outputs of each parent.
		TakesDiffer,
		/// A composite takes a head and the trunk of a composite or an aggregation, or neither; no other training takes a head.
		CompositeInputs,
		/// The performance is not of a prediction by this objective's opener and samples. Predict by exactly these first.
		NotAPrediction,
		/// You may not process one of the inputs. Ask its owner for the right, or leave it out.
		CreatorNotPermitted,
		/// The worker may not process one of the inputs. Offer the task to an account that may.
		WorkerNotPermitted,
		/// A sample's owner doesn't permit one of the programs. Use a permitted one, or the owner's own.
		ProgramNotPermitted,
		/// The task makes no model on which rights could be given. Create it without rights.
		RightsMisplaced,
		/// A right names 32 accounts and not the creator, which is added. Name fewer.
		TooManyAccounts,
	}
}
