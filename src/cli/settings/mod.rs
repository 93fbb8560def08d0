//! What a person sets once for all calls: in `god-flow.toml`, in the environment, or else as usual.
//!
//! A flag of the call goes before the environment, the environment before the file, and the file before what is usual.
//! Every command reads here what no flag of its call says; none reads the environment for it. `god-flow settings` prints
//! what holds and where it comes from. A token is never printed, and nothing here can be.

mod keys;
mod read;

use std::sync::OnceLock;

use serde_json::json;

use super::{Exit, out::Out, table};
pub(super) use keys::{Settings, declared, without_password};

#[derive(clap::Args)]
pub(super) struct Args {}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The settings of this process; the usual ones before they were read.
pub(super) fn get() -> &'static Settings {
    static USUAL: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get().unwrap_or_else(|| USUAL.get_or_init(Settings::default))
}

/// Reads the settings, once, before the command begins. Says what is wrong with them.
pub(super) fn load(out: &Out) -> Result<(), Exit> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let settings = read::read(&variable, out)?;
    // Nobody has read them before the command begins.
    let _ = SETTINGS.set(settings);
    Ok(())
}

/// The schema of the file.
pub(super) fn schema() -> serde_json::Value {
    keys::schema()
}

/// Variables of the environment that no setting has and that nearly have the name of one, with that name.
pub(super) fn slips() -> Vec<(String, &'static str)> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    keys::slips(names)
}

/// `god-flow settings`: prints the settings that hold.
pub(super) fn run(_: &Args, out: &Out) -> Exit {
    let settings = get();
    let file = settings.file.as_ref().map(|file| file.display().to_string());
    for (name, meant) in slips() {
        out.say(&format!("{name} is no setting; did you mean `{meant}`?\n"));
    }
    let (mut rows, mut data) = (Vec::new(), Vec::new());
    for key in keys::ALL {
        let value = (key.shown)(settings);
        let from = settings.from(key.name);
        let said = match &value {
            serde_json::Value::Null => key.usual.to_owned(),
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => {
                items.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        rows.push(vec![key.name.into(), said, from.words().into()]);
        data.push(json!({
            "key": key.name, "value": value, "usual": key.usual, "from": from.word(), "variable": from.variable(),
            "variables": key.variables, "flag": key.flag, "about": key.about,
        }));
    }
    if out.json {
        return out.json_data(&json!({ "file": file, "settings": data }));
    }
    let file =
        file.unwrap_or_else(|| format!("none; {} in this folder, or the one that {} names", read::FILE, read::NAMED));
    out.say(&format!("file: {file}\n"));
    out.data(&table::table(&["setting", "value", "from"], rows))
}
