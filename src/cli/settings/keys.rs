//! The settings there are: their names, how each is read, and how each is shown.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value as Json, json};

use crate::{
    base::{GpuKind, GpuRequest, Size, near},
    hub::Secret,
};

/// What holds in this process. It has a token, and may have a password in an address: it is never printed as it is.
#[derive(Default)]
pub(in crate::cli) struct Settings {
    pub(in crate::cli) file: Option<PathBuf>,
    pub(in crate::cli) store: Option<String>,
    pub(in crate::cli) data_folder: Option<PathBuf>,
    pub(in crate::cli) jobs: Option<u32>,
    pub(in crate::cli) allow_process: bool,
    pub(in crate::cli) allow_local_code: bool,
    pub(in crate::cli) engine: Option<String>,
    pub(in crate::cli) gpus: Vec<GpuKind>,
    pub(in crate::cli) cache_folder: Option<PathBuf>,
    pub(in crate::cli) cache_budget: Option<Size>,
    pub(in crate::cli) models_folder: Option<PathBuf>,
    pub(in crate::cli) hub_endpoint: Option<String>,
    pub(in crate::cli) hub_token: Option<Secret>,
    pub(in crate::cli) hub_parallel: Option<u32>,
    pub(in crate::cli) hub_rate: Option<Size>,
    pub(in crate::cli) private_addresses: bool,
    from: BTreeMap<&'static str, From>,
}

/// Where a setting comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum From {
    Variable(&'static str),
    File,
    Usual,
}

impl From {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Variable(_) => "environment",
            Self::File => "file",
            Self::Usual => "default",
        }
    }

    pub(super) fn variable(self) -> Option<&'static str> {
        if let Self::Variable(name) = self { Some(name) } else { None }
    }

    pub(in crate::cli) fn is_variable(self) -> bool {
        self.variable().is_some()
    }

    pub(in crate::cli) fn words(self) -> &'static str {
        self.variable().unwrap_or(self.word())
    }
}

impl Settings {
    pub(in crate::cli) fn from(&self, key: &str) -> From {
        self.from.get(key).copied().unwrap_or(From::Usual)
    }

    pub(super) fn set(&mut self, key: &Key, given: &Given<'_>, from: From) -> Result<(), String> {
        (key.set)(self, given)?;
        self.from.insert(key.name, from);
        Ok(())
    }
}

/// What is written somewhere as the value of a setting.
pub(super) enum Given<'a> {
    /// In the environment everything is text.
    Variable(&'a str),
    Text(&'a str),
    Flag(bool),
    Whole(&'a str),
    Texts(Vec<&'a str>),
    Other(&'static str),
}

impl Given<'_> {
    fn found(&self) -> String {
        match self {
            // What a file says at the wrong place may be a token.
            Self::Variable(_) | Self::Text(_) => "a text".into(),
            Self::Flag(flag) => format!("`{flag}`"),
            Self::Whole(number) => format!("the number {number}"),
            Self::Texts(_) => "a list of texts".into(),
            Self::Other(what) => (*what).into(),
        }
    }

    fn no(&self, expected: &str) -> String {
        format!("expected {expected}, found {}", self.found())
    }
}

/// One setting.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The variables that say it; the first that is set counts.
    pub(super) variables: &'static [&'static str],
    /// The flag that goes before it.
    pub(super) flag: Option<&'static str>,
    pub(super) about: &'static str,
    /// What holds where nobody says anything, in words.
    pub(super) usual: &'static str,
    /// Whether what is written as its value may be, or hold, a secret.
    pub(super) may_hold_a_secret: bool,
    schema: fn() -> Json,
    set: fn(&mut Settings, &Given<'_>) -> Result<(), String>,
    pub(super) shown: fn(&Settings) -> Json,
}

pub(super) const ALL: &[Key] = &[
    Key {
        name: "store",
        variables: &["GOD_FLOW_STORE"],
        flag: Some("--store"),
        about: "Where runs are kept: a path, `sqlite:PATH` or `postgres://…`",
        usual: ".god-flow/god-flow.db",
        may_hold_a_secret: true,
        schema: words,
        set: |it, given| text(given, "a path or an address").map(|text| it.store = Some(text)),
        shown: |it| it.store.as_deref().map(without_password).into(),
    },
    Key {
        name: "data_folder",
        variables: &["GOD_FLOW_DATA_FOLDER"],
        flag: None,
        about: "The folder for logs, code, outputs of trainings and the cache of this host",
        usual: "beside the store",
        may_hold_a_secret: false,
        schema: words,
        set: |it, given| text(given, "the path of a folder").map(|text| it.data_folder = Some(text.into())),
        shown: |it| path(it.data_folder.as_ref()),
    },
    Key {
        name: "jobs",
        variables: &["GOD_FLOW_JOBS"],
        flag: Some("--jobs"),
        about: "Local commands, or containers without GPUs, that run at once",
        usual: "as many as there are processors",
        may_hold_a_secret: false,
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        set: |it, given| whole(given).map(|number| it.jobs = Some(number)),
        shown: |it| it.jobs.into(),
    },
    Key {
        name: "allow_process",
        variables: &["GOD_FLOW_ALLOW_PROCESS"],
        flag: Some("--allow-process"),
        about: "Whether steps may run local commands, with your rights",
        usual: "false",
        may_hold_a_secret: false,
        schema: yes_or_no,
        set: |it, given| flag(given).map(|flag| it.allow_process = flag),
        shown: |it| it.allow_process.into(),
    },
    Key {
        name: "allow_local_code",
        variables: &["GOD_FLOW_ALLOW_LOCAL_CODE"],
        flag: Some("--allow-local-code"),
        about: "Whether code, models and data may come from this host itself, by `file:///…`",
        usual: "false",
        may_hold_a_secret: false,
        schema: yes_or_no,
        set: |it, given| flag(given).map(|flag| it.allow_local_code = flag),
        shown: |it| it.allow_local_code.into(),
    },
    Key {
        name: "engine",
        variables: &["GOD_FLOW_ENGINE", "DOCKER_HOST"],
        flag: Some("--engine"),
        about: "The Docker engine of this host that runs containers",
        usual: "unix:///var/run/docker.sock",
        may_hold_a_secret: false,
        schema: words,
        set: |it, given| {
            text(given, "an address such as `unix:///var/run/docker.sock`").map(|text| it.engine = Some(text))
        },
        shown: |it| it.engine.clone().into(),
    },
    Key {
        name: "gpus",
        variables: &["GOD_FLOW_GPUS"],
        flag: Some("--gpus"),
        about: "The GPUs of this host that containers may use, such as `8xH100`: the first of them is number 0",
        usual: "none",
        may_hold_a_secret: false,
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        set: |it, given| gpus(given).map(|gpus| it.gpus = gpus),
        shown: |it| {
            let kinds = it.gpus.iter().map(GpuKind::as_str).collect::<Vec<_>>();
            (!kinds.is_empty()).then_some(kinds).into()
        },
    },
    Key {
        name: "cache_folder",
        variables: &["GOD_FLOW_CACHE_FOLDER"],
        flag: None,
        about: "The folder for models and data",
        usual: "host/cache in the data folder",
        may_hold_a_secret: false,
        schema: words,
        set: |it, given| text(given, "the path of a folder").map(|text| it.cache_folder = Some(text.into())),
        shown: |it| path(it.cache_folder.as_ref()),
    },
    Key {
        name: "cache_budget",
        variables: &["GOD_FLOW_CACHE_BUDGET"],
        flag: Some("--cache-budget"),
        about: "How much of models and data is kept on this host, such as `500GB`",
        usual: "all of it",
        may_hold_a_secret: false,
        schema: words,
        set: |it, given| size(given).map(|size| it.cache_budget = Some(size)),
        shown: |it| it.cache_budget.map(|size| size.to_string()).into(),
    },
    Key {
        name: "models_folder",
        variables: &["GOD_FLOW_MODELS_FOLDER"],
        flag: None,
        about: "A folder that trained models go to in place of the hub",
        usual: "the hub",
        may_hold_a_secret: false,
        schema: words,
        set: |it, given| text(given, "the path of a folder").map(|text| it.models_folder = Some(text.into())),
        shown: |it| path(it.models_folder.as_ref()),
    },
    Key {
        name: "hub_endpoint",
        variables: &["GOD_FLOW_HUB_ENDPOINT", "HF_ENDPOINT"],
        flag: None,
        about: "The hub that models and data come from and go to",
        usual: "https://huggingface.co",
        may_hold_a_secret: true,
        schema: words,
        set: |it, given| text(given, "an address").map(|text| it.hub_endpoint = Some(text)),
        shown: |it| it.hub_endpoint.as_deref().map(without_password).into(),
    },
    Key {
        name: "hub_token",
        variables: &["GOD_FLOW_HUB_TOKEN", "HF_TOKEN", "HUGGINGFACE_TOKEN"],
        flag: None,
        about: "The token for that hub. It is shown to nobody else, and no container sees it",
        usual: "none",
        may_hold_a_secret: true,
        schema: words,
        set: |it, given| {
            let text = text(given, "a token")?;
            it.hub_token =
                Some(Secret::new(&text).ok_or("expected a token, found a text with signs that no token has")?);
            Ok(())
        },
        shown: |it| it.hub_token.as_ref().map(ToString::to_string).into(),
    },
    Key {
        name: "hub_parallel",
        variables: &["GOD_FLOW_HUB_PARALLEL"],
        flag: None,
        about: "Transfers with the hub at once",
        usual: "8",
        may_hold_a_secret: false,
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        set: |it, given| whole(given).map(|number| it.hub_parallel = Some(number)),
        shown: |it| it.hub_parallel.into(),
    },
    Key {
        name: "hub_rate",
        variables: &["GOD_FLOW_HUB_RATE"],
        flag: None,
        about: "The most that all transfers of a run together may move in a second, such as `100MB`",
        usual: "as much as there is",
        may_hold_a_secret: false,
        schema: words,
        set: |it, given| {
            let rate = size(given)?;
            it.hub_rate =
                Some(if rate.0 == 0 { return Err("expected more than nothing in a second".into()) } else { rate });
            Ok(())
        },
        shown: |it| it.hub_rate.map(|size| size.to_string()).into(),
    },
    Key {
        name: "private_addresses",
        variables: &["GOD_FLOW_PRIVATE_ADDRESSES"],
        flag: None,
        about: "Whether files may come by `http` and from private addresses, as from storage of one's own",
        usual: "false",
        may_hold_a_secret: false,
        schema: yes_or_no,
        set: |it, given| flag(given).map(|flag| it.private_addresses = flag),
        shown: |it| it.private_addresses.into(),
    },
];

pub(super) fn find(name: &str) -> Option<&'static Key> {
    ALL.iter().find(|key| key.name == name)
}

fn words() -> Json {
    json!({ "type": "string", "minLength": 1 })
}

fn yes_or_no() -> Json {
    json!({ "type": "boolean" })
}

fn path(path: Option<&PathBuf>) -> Json {
    path.map(|path| path.display().to_string()).into()
}

fn text(given: &Given<'_>, expected: &str) -> Result<String, String> {
    match given {
        Given::Variable(text) | Given::Text(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Given::Text(_) => Err(format!("expected {expected}, found an empty text")),
        other => Err(other.no(&format!("{expected}, as a text"))),
    }
}

fn flag(given: &Given<'_>) -> Result<bool, String> {
    match given {
        Given::Flag(flag) => Ok(*flag),
        Given::Variable(text) => said(text),
        other => Err(other.no("`true` or `false`")),
    }
}

/// What a variable says in place of a flag.
fn said(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected `1`, `true`, `yes` or `on`, or else `0`, `false`, `no`, `off` or nothing at all".into()),
    }
}

fn whole(given: &Given<'_>) -> Result<u32, String> {
    let number = match given {
        Given::Whole(text) | Given::Variable(text) => text.trim().parse().ok().filter(|number| *number > 0),
        _ => None,
    };
    number.ok_or_else(|| given.no("a whole number above 0"))
}

fn size(given: &Given<'_>) -> Result<Size, String> {
    match given {
        Given::Text(text) | Given::Variable(text) => Size::parse(text),
        Given::Whole(number) => {
            Err(format!("expected a size such as `500GB`, found the number {number} without a unit"))
        }
        other => Err(other.no("a size such as `500GB`, as a text")),
    }
}

fn gpus(given: &Given<'_>) -> Result<Vec<GpuKind>, String> {
    match given {
        Given::Text(text) | Given::Variable(text) => declared([*text]),
        Given::Texts(texts) => declared(texts.iter().copied()),
        other => Err(other.no("GPUs such as `8xH100`, as a text or a list of texts")),
    }
}

/// The kinds of all GPUs that are named, one after the other.
pub(in crate::cli) fn declared<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<GpuKind>, String> {
    let mut gpus = Vec::new();
    for word in words.into_iter().flat_map(|word| word.split(',')) {
        let request = GpuRequest::parse(word)?;
        let [kind] = request.kinds() else {
            return Err(format!("expected one kind at a time, as in `8xH100`, found `{word}`"));
        };
        gpus.extend(std::iter::repeat_n(kind.clone(), request.count() as usize));
    }
    Ok(gpus)
}

/// An address as it may be shown: without a name, a password and what stands behind a `?`.
pub(in crate::cli) fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let end = rest.find('/').unwrap_or(rest.len());
    // A password may have an `@` or even a `/` of its own.
    let host = rest.rfind('@').map_or(rest, |at| &rest[at + 1..]);
    let hidden = if rest.contains('@') || end == 0 { "***@" } else { "" };
    format!("{scheme}://{hidden}{host}")
}

pub(super) fn schema() -> Json {
    let properties = ALL.iter().map(|key| {
        let mut schema = (key.schema)();
        schema["description"] = format!("{}. Left out: {}.", key.about, key.usual).into();
        (key.name.to_owned(), schema)
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "settings.schema.json",
        "title": "Settings",
        "description": "The settings of god-flow, in `god-flow.toml`.",
        "type": "object",
        "properties": properties.collect::<serde_json::Map<_, _>>(),
        "additionalProperties": false,
    })
}

/// Names of variables that are nearly those of settings.
pub(super) fn slips(names: impl Iterator<Item = String>) -> Vec<(String, &'static str)> {
    let known = || ALL.iter().flat_map(|key| key.variables).copied().chain([super::read::NAMED]);
    let ours = |name: &String| name.starts_with("GOD_FLOW") && !known().any(|known| known == name);
    let mut slips: Vec<_> = names
        .filter(ours)
        .filter_map(|name| {
            let meant = known().filter(|known| near::is_slip(&name.to_lowercase(), &known.to_lowercase())).min();
            meant.map(|meant| (name, meant))
        })
        .collect();
    slips.sort();
    slips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_an_address_is_shown() {
        for (address, expected) in [
            ("postgres://user:p@ss/w@host:5432/db?sslmode=require&password=x", "postgres://***@host:5432/db"),
            ("postgres://host/db", "postgres://host/db"),
            ("https://token@hub.example.org/x#y", "https://***@hub.example.org/x"),
            ("runs.db", "runs.db"),
            ("sqlite:a@b", "sqlite:a@b"),
        ] {
            assert_eq!(without_password(address), expected);
        }
    }

    #[test]
    fn variables_with_a_slip_in_their_name_are_found() {
        let names = ["GOD_FLOW_CACHE_BUGDET", "GOD_FLOW_STORE", "GOD_FLOW_TEST_DOCKER", "GOD_FLOW_WEB_HOOK", "PATH"];
        let found = slips(names.into_iter().map(str::to_owned));
        assert_eq!(found, [("GOD_FLOW_CACHE_BUGDET".to_owned(), "GOD_FLOW_CACHE_BUDGET")]);
    }

    #[test]
    fn every_setting_has_a_variable_of_its_name() {
        for key in ALL {
            assert_eq!(key.variables[0], format!("GOD_FLOW_{}", key.name.to_uppercase()));
        }
    }
}
