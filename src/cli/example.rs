//! `god-flow example`: small complete workflows to start from.

use super::{Exit, out::Out};
use crate::base::near;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Which one; without a name the simplest.
    name: Option<String>,
    /// Lists the examples.
    #[arg(long, conflicts_with = "name")]
    list: bool,
}

/// The examples, each with what it shows.
pub(super) const EXAMPLES: [(&str, &str, &str); 5] = [
    ("hello", "a greeting for everybody on a list", include_str!("../../workflows/hello.yaml")),
    ("fan-out", "one step for each item of a list", include_str!("../../examples/workflows/fan-out.yaml")),
    ("repeat", "rounds until one is left", include_str!("../../examples/workflows/repeat.yaml")),
    ("train", "one repository trained and judged on one task", include_str!("../../examples/workflows/train.yaml")),
    ("container", "anything at all, in a container of your own", include_str!("../../workflows/hello-docker.yaml")),
];

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    if args.list {
        if out.json {
            let list: Vec<_> =
                EXAMPLES.iter().map(|(name, about, _)| serde_json::json!({"name": name, "about": about})).collect();
            return out.json_data(&list);
        }
        let lines = EXAMPLES.iter().map(|(name, about, _)| format!("{name:<10} {about}\n"));
        return out.data(&lines.collect::<String>());
    }
    let wanted = args.name.as_deref().unwrap_or("hello");
    match EXAMPLES.iter().find(|(name, ..)| *name == wanted) {
        Some((name, about, text)) if out.json => {
            out.json_data(&serde_json::json!({"name": name, "about": about, "workflow": text}))
        }
        Some((_, _, text)) => out.data(text),
        None => {
            let help = near::did_you_mean(wanted, EXAMPLES.iter().map(|(name, ..)| *name)).unwrap_or_default();
            out.wrong(&format!("there is no example `{wanted}`; {help}"))
        }
    }
}
