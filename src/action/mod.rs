//! The catalogue: every kind of node that a workflow may name, with what it takes and what it gives.
//!
//! `workflow` checks steps against it, `cli` prints it, the JSON Schema and the manual are generated from it. An action
//! here says what it accepts; work in the outside world is done by a backend, never by this module.

pub mod advance;
pub mod allocate;
pub mod balance;
pub mod build;
pub mod charge;
pub mod clone;
pub mod combine;
pub mod commits;
pub mod complete;
pub mod container;
pub mod contest;
pub mod dedup;
pub mod download;
pub mod draw;
mod entry;
pub mod evaluate;
pub mod gpus_for;
pub mod hold;
pub mod hours;
mod margin;
pub mod money;
pub mod next_round;
pub mod notify;
pub mod pair_result;
mod phrase;
pub mod pick;
pub mod play;
pub mod process;
pub mod publish;
pub mod rank;
pub mod reflect;
pub mod refund;
pub mod register;
pub mod replace;
pub mod rewards;
pub mod score;
pub mod settle;
pub mod share;
pub mod standings;
pub mod tally;
mod text;
pub mod tiers;
pub mod train;
pub mod upload;
mod value;
pub mod vocabulary;
pub mod weigh;
pub mod words;

use std::sync::LazyLock;

pub use container::CONTAINER;
pub use entry::{Action, Expect, FieldDoc, Gives, Kind, Takes};
pub use process::PROCESS;

/// Whether an action is a local command, with all the rights of whoever runs the engine.
pub fn is_local(name: &str) -> bool {
    name == PROCESS || name == notify::NOTIFY
}

/// Whether an action only moves what is there already from one place to another: how long that takes is nobody's doing who
/// takes part in a workflow.
pub fn is_transfer(name: &str) -> bool {
    matches!(name, "clone" | "download" | "upload")
}

/// Every action, in the order in which the manual lists them.
pub fn catalogue() -> &'static [Action] {
    static ALL: LazyLock<Vec<Action>> = LazyLock::new(|| {
        let [digest, dedup, gate] = dedup::actions();
        let [register, text_digest] = register::actions();
        vec![
            register,
            text_digest,
            commits::action(),
            balance::action(),
            charge::action(),
            refund::action(),
            digest,
            dedup,
            gate,
            clone::action(),
            build::action(),
            download::action(),
            train::action(),
            upload::action(),
            evaluate::action(),
            play::action(),
            score::action(),
            combine::action(),
            rewards::action(),
            tally::action(),
            pair_result::action(),
            standings::action(),
            rank::action(),
            complete::action(),
            replace::action(),
            advance::action(),
            settle::action(),
            contest::action(),
            share::action(),
            allocate::action(),
            tiers::action(),
            weigh::action(),
            publish::action(),
            notify::action(),
            hold::action(),
            container::action(),
            process::action(),
            value::action(),
            draw::action(),
            next_round::action(),
            pick::action(),
            pick::lacks_action(),
            hours::action(),
            gpus_for::action(),
        ]
    });
    &ALL
}

/// The action of that name.
pub fn find(name: &str) -> Option<&'static Action> {
    catalogue().iter().find(|action| action.name == name)
}
