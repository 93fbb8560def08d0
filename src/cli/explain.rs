//! `god-flow explain`: why a node of a run is where it is.

use serde_json::json;

use super::{
    Exit,
    out::Out,
    show::{reasons, wrapped},
    stored::Where,
};
use crate::run::explain::{self, Why};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The node, such as `rounds#2/match[pair-03]/train`.
    node: String,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let told = match args.place.open(out).and_then(|stored| stored.told(&args.run, out)) {
        Ok(told) => told,
        Err(exit) => return exit,
    };
    let Some(why) = explain::explain(&told.world, told.now(), &args.node) else { return told.no_node(&args.node, out) };
    let why = if told.is_left() { explain::left(why) } else { why };
    let rulings: Vec<_> = told.history.rulings.iter().filter(|it| *it.node == *args.node).collect();
    if out.json {
        return out.json_data(&json!({ "node": args.node, "why": why, "rulings": rulings }));
    }
    let width = out.look().width;
    let mut text = String::new();
    for line in reasons(&why, told.now()) {
        text.push_str(&wrapped(&line, "", width));
    }
    for ruling in rulings {
        text.push_str(&wrapped(&format!("{} ruled on it: {}", ruling.who, ruling.why), "", width));
    }
    if why.contains(&Why::Undriven) {
        text.push_str(&format!("take it up with: {}\n", told.resume(&args.place)));
    }
    out.data(&text)
}
