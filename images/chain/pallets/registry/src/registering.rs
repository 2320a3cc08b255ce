//! Registration of assets and objectives, each paid for by its owner.

use crate::*;
use frame_support::pallet_prelude::*;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register_asset(
		owner: T::AccountId,
		digest: Digest,
		kind: AssetKind,
		visibility: Visibility,
		uri: Uri,
		given: Option<Permissions<T::AccountId>>,
	) -> DispatchResult {
		let sample = matches!(kind, AssetKind::DataSample(_));
		let permissions = match &given {
			None if sample && visibility == Visibility::Private => Permissions::of_owner_only(),
			None => Permissions::public(),
			Some(given) => given.clone(),
		};
		ensure!(sample || permissions.algos == Algos::Any, Error::<T>::AlgosMisplaced);
		let permissions = permissions.of(&owner).ok_or(Error::<T>::TooManyAccounts)?;
		let permissions = Some(permissions).filter(|permissions| !permissions.is_public());
		if let Some(known) = Assets::<T>::get(&owner, digest) {
			ensure!(known.kind == kind, Error::<T>::AlreadyLabelled);
			ensure!(known.visibility == visibility, Error::<T>::VisibilityFixed);
			ensure!(known.uri == uri, Error::<T>::OtherUri);
			let same = given.is_none() || AssetPermissions::<T>::get(&owner, digest) == permissions;
			ensure!(same, Error::<T>::PermissionsFixed);
			return Ok(());
		}
		let since = pallet_timestamp::Now::<T>::get();
		let asset = Asset { kind, visibility, uri, since };
		let permitted = permissions.as_ref().map_or(0, Encode::encoded_size);
		Self::charge(&owner, (&owner, digest, &asset).encoded_size() + permitted)?;
		if kind == AssetKind::Model && !ModelOf::<T>::contains_key(digest) {
			ModelOf::<T>::insert(digest, FirstModel { origin: Origin::Imported(owner.clone()), since });
		}
		Assets::<T>::insert(&owner, digest, asset);
		AssetPermissions::<T>::set(&owner, digest, permissions);
		Self::deposit_event(Event::AssetRegistered { owner, digest, kind });
		Ok(())
	}

	#[allow(clippy::too_many_arguments)]
	pub(crate) fn do_create_objective(
		owner: T::AccountId,
		name: Name,
		metric: Digest,
		opener: Digest,
		direction: Direction,
		tolerance: Fixed,
		samples: Samples,
	) -> Result<ObjectiveId, DispatchError> {
		ensure!(tolerance >= 0, Error::<T>::NegativeTolerance);
		ensure!(is_in_range(tolerance), Error::<T>::ToleranceTooLarge);
		ensure!(!samples.is_empty(), Error::<T>::NoSamples);
		let measures = |asset: Asset| matches!(asset.kind, AssetKind::Metric | AssetKind::Function);
		ensure!(Assets::<T>::get(&owner, metric).is_some_and(measures), Error::<T>::NoSuchMetric);
		ensure!(Self::is_of_kind(&owner, &opener, AssetKind::Opener), Error::<T>::NoSuchOpener);
		ensure!(!ObjectiveNames::<T>::contains_key(&owner, &name), Error::<T>::NameTaken);
		let objective = NextObjective::<T>::mutate(|id| {
			*id += 1;
			*id
		});
		for sample in &samples {
			ensure!(Self::is_of_kind(&owner, sample, AssetKind::DataSample(Label::Test)), Error::<T>::NotATestSample);
			ensure!(!TestOf::<T>::contains_key(objective, sample), Error::<T>::SampleTwice);
			TestOf::<T>::insert(objective, sample, ());
		}
		ObjectivesOf::<T>::insert(&owner, objective, ());
		ObjectiveNames::<T>::insert(&owner, &name, objective);
		let described = Objective { owner: owner.clone(), name, metric, opener, direction, tolerance, samples };
		// Each sample is kept a second time under its digest, the name under its owner.
		let looked_up = (objective, &described.samples, &owner, &described.name);
		Self::charge(&owner, (objective, &described, looked_up).encoded_size())?;
		Objectives::<T>::insert(objective, described);
		Self::deposit_event(Event::ObjectiveCreated { objective, owner });
		Ok(objective)
	}
}
