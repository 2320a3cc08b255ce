//! The pallet's storage: the objects, and the indexes by which they are found.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod storage {
	#[pallet::storage]
	pub type Tasks<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, TaskOf<T>>;

	#[pallet::storage]
	pub type Specs<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, SpecOf<T>>;

	/// The roles of those tasks that declare them.
	#[pallet::storage]
	pub type TaskRoles<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, Roles>;

	/// The rights that the inputs of a task give, where these are not all for everyone: who may work on it, and at most the
	/// rights on what it makes.
	#[pallet::storage]
	pub type TaskRights<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, RightsOf<T>>;

	/// The rights that a task's creator gives on what it makes, where these are not all for everyone. They decide nothing
	/// about who may work on the task.
	#[pallet::storage]
	pub type OutputRights<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, RightsOf<T>>;

	/// The latest attempt of each account at each task; a worker's are found by prefix.
	#[pallet::storage]
	pub type Assignments<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, TaskId, Assignment>;

	/// Tasks that only this account may take, while they can be taken.
	#[pallet::storage]
	pub type Offers<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, TaskId, ()>;

	/// Tasks that anyone may take, while they can be taken.
	#[pallet::storage]
	pub type OpenTasks<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskKind, Blake2_128Concat, TaskId, ()>;

	#[pallet::storage]
	pub type Submissions<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, SubmissionId, SubmissionOf<T>>;

	/// The earliest submission of a task with these outputs, by the hash of their names and digests.
	#[pallet::storage]
	pub type SentOutputs<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, Digest, SubmissionId>;

	#[pallet::storage]
	pub type TasksOf<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, TaskId, ()>;

	/// Submissions under review by their judge, with their tasks.
	#[pallet::storage]
	pub type Reviews<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, SubmissionId, TaskId>;

	#[pallet::storage]
	pub type Plans<T: Config> = StorageMap<_, Blake2_128Concat, PlanId, Plan<T::AccountId>>;

	/// The tasks that a plan's cancellation has to reach.
	#[pallet::storage]
	pub type PlanTasks<T: Config> = StorageDoubleMap<_, Blake2_128Concat, PlanId, Blake2_128Concat, TaskId, ()>;

	/// Everyone who ever took a task.
	#[pallet::storage]
	pub type Workers<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, T::AccountId, ()>;

	/// Those of them who are at it.
	#[pallet::storage]
	pub type LiveWorkers<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, T::AccountId, ()>;

	/// Those of them whose fees of reports wait for a decision.
	#[pallet::storage]
	pub type Reporters<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, T::AccountId, ()>;

	/// A parent's children that may still wait for it.
	#[pallet::storage]
	pub type Awaiting<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, TaskId, ()>;

	/// A parent's children that are not final; they need its record.
	#[pallet::storage]
	pub type Children<T: Config> = StorageDoubleMap<_, Blake2_128Concat, TaskId, Blake2_128Concat, TaskId, ()>;

	/// Due work, oldest first: the key is big-endian time, then entry id, unhashed, because only that is ordered.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageMap<_, Identity, [u8; 16], ObjectOf<T>>;

	/// The latest moments of causes of each task that is not final.
	#[pallet::storage]
	pub type Causes<T: Config> = StorageMap<_, Blake2_128Concat, TaskId, LatestCauses>;

	#[pallet::storage]
	pub type NextTask<T: Config> = StorageValue<_, TaskId, ValueQuery>;
	#[pallet::storage]
	pub type NextSubmission<T: Config> = StorageValue<_, SubmissionId, ValueQuery>;
	#[pallet::storage]
	pub type NextPlan<T: Config> = StorageValue<_, PlanId, ValueQuery>;
	#[pallet::storage]
	pub type NextEntry<T: Config> = StorageValue<_, u64, ValueQuery>;
}
