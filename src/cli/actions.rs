//! `god-flow actions`: the catalogue, for people and programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::json;

use super::{Exit, out::Out};
use crate::{
    action::{Action, FieldDoc, catalogue},
    base::{Ty, near},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// An action, or one of its fields as `ACTION.FIELD`.
    name: Option<String>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let Some(wanted) = &args.name else { return list(out) };
    let (name, field) = wanted.split_once('.').map_or((wanted.as_str(), None), |(name, field)| (name, Some(field)));
    let Some(action) = crate::action::find(name) else {
        let help = near::did_you_mean(name, catalogue().iter().map(|action| action.name)).unwrap_or_default();
        return out.wrong(&format!("there is no action `{name}`; {help}"));
    };
    let Some(field) = field else {
        return if out.json { out.json_data(&as_json(action)) } else { out.data(&describe(action)) };
    };
    let docs = action.docs();
    // A field may be both taken and given, each with words of its own.
    let of = |docs: &[FieldDoc]| docs.iter().find(|doc| doc.name == field).cloned();
    let found = [("takes", of(&docs.takes)), ("gives", of(&docs.gives))];
    let found: Vec<(&str, FieldDoc)> = found.into_iter().filter_map(|(what, doc)| Some((what, doc?))).collect();
    if found.is_empty() {
        let names: BTreeSet<&str> = docs.takes.iter().chain(&docs.gives).map(|doc| doc.name.as_str()).collect();
        let help = near::did_you_mean(field, names.iter().copied()).unwrap_or_else(|| "it has no fields".into());
        return out.wrong(&format!("`{name}` has no field `{field}`; {help}"));
    }
    if out.json {
        return out.json_data(&found.into_iter().collect::<BTreeMap<_, _>>());
    }
    let tell =
        |(what, doc): &(&str, FieldDoc)| format!("{what} {}: {}{}\n  {}\n", doc.name, doc.ty, required(doc), doc.about);
    let all = found.iter().map(|it| tell(it) + &if it.0 == "takes" { inside(action, field) } else { String::new() });
    out.data(&all.collect::<String>())
}

/// What is in a field that is a record or a list of records: a line for each of its fields.
fn inside(action: &Action, field: &str) -> String {
    let Some(Ty::Record(takes)) = action.fields() else { return String::new() };
    let mut ty = takes.fields.get(field);
    while let Some(Ty::Optional(inner) | Ty::List(inner) | Ty::Map(inner)) = ty {
        ty = Some(inner);
    }
    let Some(Ty::Record(record)) = ty else { return String::new() };
    record.fields.iter().map(|(name, ty)| format!("    {name}: {ty}\n")).collect()
}

fn list(out: &Out) -> Exit {
    if out.json {
        return out.json_data(&catalogue().iter().map(as_json).collect::<Vec<_>>());
    }
    let width = catalogue().iter().map(|action| action.name.len()).max().unwrap_or(0);
    let lines = catalogue().iter().map(|action| format!("{:<width$}  {}\n", action.name, action.about));
    out.data(&lines.collect::<String>())
}

fn as_json(action: &Action) -> serde_json::Value {
    let docs = action.docs();
    json!({
        "name": action.name,
        "about": action.about,
        "pure": action.is_pure(),
        "takes": docs.takes,
        "gives": docs.gives,
        "example": action.example,
    })
}

fn describe(action: &Action) -> String {
    let docs = action.docs();
    let mut text = format!("{}\n  {}\n", action.name, action.about);
    let mut section = |title: &str, fields: &[FieldDoc], otherwise: &str| {
        let _ = writeln!(text, "\n{title}");
        if fields.is_empty() {
            let _ = writeln!(text, "  {otherwise}");
        }
        let width = fields.iter().map(|doc| doc.name.len() + doc.ty.len() + required(doc).len()).max().unwrap_or(0) + 2;
        for doc in fields {
            let head = format!("{}: {}{}", doc.name, doc.ty, required(doc));
            let _ = writeln!(text, "  {head:<width$}  {}", doc.about);
        }
    };
    section("takes", &docs.takes, "any value");
    section("gives", &docs.gives, docs.gives_otherwise);
    let _ = writeln!(text, "\nexample");
    for line in action.example.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn required(doc: &FieldDoc) -> &'static str {
    if doc.required { " (required)" } else { "" }
}
