//! Genesis presets of the networks, by name.

use crate::{
	AccountId, AuraConfig, Balance, BalancesConfig, ExistentialDeposit, GrandpaConfig, RuntimeGenesisConfig,
	SudoConfig, TreasuryAccount, UNIT,
};
use alloc::{string::ToString, vec, vec::Vec};
use frame_support::build_struct_json_patch;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};

const ENDOWMENT: Balance = 1_000_000 * UNIT;

/// A network of these authorities, in which the well-known development accounts are rich and Alice is sudo.
fn network(authorities: &[(Sr25519Keyring, Ed25519Keyring)]) -> Value {
	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig { balances: endowments() },
		aura: AuraConfig { authorities: authorities.iter().map(|(aura, _)| aura.public().into()).collect() },
		grandpa: GrandpaConfig {
			authorities: authorities.iter().map(|(_, grandpa)| (grandpa.public().into(), 1)).collect(),
		},
		sudo: SudoConfig { key: Some(Sr25519Keyring::Alice.to_account_id()) },
	})
}

/// The treasury lives from the start, so that a fee below the existential deposit can be paid into it.
fn endowments() -> Vec<(AccountId, Balance)> {
	Sr25519Keyring::well_known()
		.map(|key| (key.to_account_id(), ENDOWMENT))
		.chain([(TreasuryAccount::get(), ExistentialDeposit::get())])
		.collect()
}

pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
	let alice = (Sr25519Keyring::Alice, Ed25519Keyring::Alice);
	let bob = (Sr25519Keyring::Bob, Ed25519Keyring::Bob);
	let patch = match id.as_ref() {
		DEV_RUNTIME_PRESET => network(&[alice]),
		LOCAL_TESTNET_RUNTIME_PRESET => network(&[alice, bob]),
		_ => return None,
	};
	Some(patch.to_string().into_bytes())
}

pub fn names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}
