//! A limit on everything a stranger can make large. Each one is named in the mistake that it causes.

/// Bytes of one document, includes not counted.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// Levels of nesting in a document.
pub const DOCUMENT_DEPTH_MAX: usize = 32;
/// Files that one workflow may be made of: itself, its bases and its parts.
pub const DOCUMENT_FILES_MAX: usize = 64;
/// Mistakes that are reported at once; whoever has more mends these first.
pub const MISTAKES_MAX: usize = 200;
/// Mistakes that are looked for: more than are reported, so that these are the first of the file.
pub const MISTAKES_SOUGHT_MAX: usize = 5 * MISTAKES_MAX;
/// Names among which the one is sought that was meant.
pub const NEAR_NAMES_MAX: usize = 1_000;
/// Characters of one expression.
pub const RULE_LENGTH_MAX: usize = 512;
/// Levels of nesting in one expression.
pub const RULE_DEPTH_MAX: usize = 24;
/// Operators, selects and calls in a row in one expression, its nesting counted.
pub const RULE_LINKS_MAX: usize = 64;
/// Steps that one evaluation may take before it fails.
pub const RULE_WORK_MAX: u64 = 20_000_000;
/// Items that one value computed by an expression may hold.
pub const RULE_ITEMS_MAX: usize = 1_000_000;
/// Bytes of one text computed by an expression.
pub const RULE_TEXT_MAX: usize = 1 << 20;
/// Items of one `for_each`.
pub const FAN_OUT_MAX: usize = 200_000;
/// Nodes of one plan.
pub const PLAN_NODES_MAX: usize = 5_000_000;
/// Rounds of one `repeat`.
pub const ROUNDS_MAX: u64 = 1_000;
/// Parts that one type may have, those inside its parts counted.
pub const TYPE_PARTS_MAX: usize = 5_000;
/// Steps of a workflow, those of a template counted wherever it is used.
pub const STEPS_MAX: usize = 100_000;
/// Templates that may use one another in a row.
pub const TEMPLATE_DEPTH_MAX: usize = 16;
/// GPUs that one step may ask for.
pub const GPUS_MAX: u32 = 1_024;
/// Characters of a name.
pub const NAME_LENGTH_MAX: usize = 64;
/// Bytes of one recorded event: enough to say who may enter of as many as a subnet has keys for, with all that is known of
/// them.
pub const EVENT_BYTES_MAX: usize = 512 << 10;
/// RAO that one account may have: more than there will ever be, which is 21 million TAO.
pub const BALANCE_RAO_MAX: u64 = 21_000_000_000_000_000;
/// Bytes of each text that is kept with a movement of money; PostgreSQL puts no longer ones into an index.
pub const MOVEMENT_TEXT_MAX: usize = 2 << 10;
