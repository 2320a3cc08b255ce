//! Upper bounds of what is stored: sizes, counts and lengths. Every node keeps it.

/// Bytes of an address.
pub const MAX_URI: u32 = 256;
/// Bytes of the name of an objective or of a number.
pub const MAX_NAME: u32 = 64;
/// Test samples of an objective.
pub const MAX_SAMPLES: u32 = 256;
/// Objectives of a task, so that its inputs can be checked against each.
pub const MAX_OBJECTIVES: u32 = 4;
/// Models that one is made from.
pub const MAX_MODELS: u32 = 16;
/// Accounts that a permission names.
pub const MAX_ACCOUNTS: u32 = 32;
/// Programs that a permission names.
pub const MAX_PROGRAMS: u32 = 32;
/// Accounts that own what goes into a model.
pub const MAX_OWNERS: u32 = 16;
