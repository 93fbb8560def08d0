//! Reading settings: the file, each value at its place, and then the environment.

use std::path::{Path, PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::{
        Exit,
        files::Disk,
        out::Out,
        report::{self, Format},
    },
    keys::{ALL, From, Given, Settings, find},
};
use crate::{
    base::{Mistake, Place, SourceId, limits::DOCUMENT_BYTES_MAX, near},
    document::{Reader, Sources},
    store,
};

/// The file, in the folder where one works.
pub(super) const FILE: &str = "god-flow.toml";
/// The variable that names another file.
pub(super) const NAMED: &str = "GOD_FLOW_SETTINGS";

/// The settings that hold, or how the command ends because of what is wrong with them.
pub(super) fn read(variable: &dyn Fn(&str) -> Option<String>, out: &Out) -> Result<Settings, Exit> {
    let mut settings = Settings::default();
    let named = variable(NAMED);
    let path = named.clone().unwrap_or_else(|| FILE.into());
    if named.is_some() || Path::new(&path).exists() {
        let told = |why: String| out.wrong(&format!("the settings {path}: {why}"));
        let text = Disk::around(&path).read(&path).map_err(told)?;
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(told(format!("expected at most {DOCUMENT_BYTES_MAX} bytes, found more")));
        }
        let mut sources = Sources::default();
        let source = sources.add(path.as_str(), hidden(&text));
        let mistakes = from_file(&text, source, &mut settings);
        if !mistakes.is_empty() {
            let format = if out.json { Format::Json } else { Format::Human };
            let report = report::report(&mistakes, &sources, format, out.look());
            if out.json {
                out.data(&report);
            } else {
                out.say(&report);
            }
            return Err(Exit::Wrong);
        }
        settings.file = Some(PathBuf::from(&path));
        seen_from(Path::new(&path), &mut settings);
    }
    for key in ALL {
        let Some((name, text)) = key.variables.iter().find_map(|name| Some((*name, variable(name)?))) else { continue };
        let set = settings.set(key, &Given::Variable(&text), From::Variable(name));
        set.map_err(|why| out.wrong(&format!("{name}: {why}")))?;
    }
    Ok(settings)
}

/// Takes what a file says, and gives what is wrong with it.
fn from_file(text: &str, source: SourceId, settings: &mut Settings) -> Vec<Mistake> {
    let at = |range: std::ops::Range<usize>| Place::new(source, range);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let told = |error: &toml::de::Error| {
            let place = at(error.span().unwrap_or(0..text.len().min(1)));
            let message = error.message().trim_end_matches('.').to_owned();
            Mistake::new("settings::syntax", place, message)
                .help("a line is `name = value`, with texts in quotes: cache_budget = \"500GB\"")
        };
        return errors.iter().map(told).collect();
    }
    let mut mistakes = Vec::new();
    for (name, value) in table.get_ref() {
        let Some(key) = find(name.get_ref()) else {
            mistakes.push(unknown(name.get_ref(), value.get_ref(), at(name.span())));
            continue;
        };
        if let Err(why) = settings.set(key, &given(value), From::File) {
            let mistake = Mistake::new("settings::wrong_value", at(value.span()), format!("`{}`: {why}", key.name));
            mistakes.push(mistake.help(key.about));
        }
    }
    mistakes
}

fn unknown(name: &str, value: &DeValue<'_>, place: Place) -> Mistake {
    let names = || ALL.iter().map(|key| key.name);
    let of_table = value.as_table().and_then(|table| {
        let mut inside = table.keys().map(|inside| format!("{name}_{}", inside.get_ref()));
        inside.find_map(|inside| names().find(|name| *name == inside))
    });
    let help = match of_table {
        Some(name) => Some(format!("settings stand in no table: write `{name} = …`")),
        None => near::did_you_mean(name, names()),
    };
    let message = format!("expected the name of a setting, found `{name}`");
    Mistake::new("settings::unknown_key", place, message).maybe_help(help)
}

/// The text as it may be shown around a mistake: what may be a secret is starred, byte for byte. Only the values of
/// settings that hold none are left.
fn hidden(text: &str) -> String {
    let is_plain = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        line.contains('=') && find(name).is_some_and(|key| !key.may_hold_a_secret)
    };
    let starred = |part: &str| -> String {
        let star = |c: char| if c.is_whitespace() { c.to_string() } else { "*".repeat(c.len_utf8()) };
        part.chars().map(star).collect()
    };
    let line = |line: &str| match line.find('=') {
        _ if is_plain(line) => line.to_owned(),
        Some(at) => line[..=at].to_owned() + &starred(&line[at + 1..]),
        None => starred(line),
    };
    text.split_inclusive('\n').map(line).collect()
}

fn given<'a>(value: &'a Spanned<DeValue<'_>>) -> Given<'a> {
    match value.get_ref() {
        DeValue::String(text) => Given::Text(text),
        DeValue::Boolean(flag) => Given::Flag(*flag),
        DeValue::Integer(number) if number.radix() == 10 => Given::Whole(number.as_str()),
        DeValue::Integer(_) => Given::Other("a number that is not written with ten digits"),
        DeValue::Float(_) => Given::Other("a number with decimals"),
        DeValue::Datetime(_) => Given::Other("a moment"),
        DeValue::Table(_) => Given::Other("a table"),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<_>>>();
            texts.map_or(Given::Other("a list of other things than texts"), Given::Texts)
        }
    }
}

/// Paths of a file are seen from its folder.
fn seen_from(file: &Path, settings: &mut Settings) {
    let folder = file.parent().unwrap_or(Path::new(""));
    for path in
        [&mut settings.data_folder, &mut settings.cache_folder, &mut settings.models_folder].into_iter().flatten()
    {
        *path = folder.join(&*path);
    }
    if let Some(store) = settings.store.as_mut().filter(|store| store::is_file(store)) {
        *store = match store.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", folder.join(path.strip_prefix("//").unwrap_or(path)).display()),
            None => folder.join(&*store).display().to_string(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_starred_around_a_mistake() {
        let text = "cache_budget = 5\nhub_token = \"hf_ä\"\nhub_tokn='hf_b'\n# hub_token = \"hf_c\"\nhf_d\nstore=\"postgres://u:p@h\"\n";
        let shown = hidden(text);
        assert_eq!(shown.len(), text.len());
        assert!(shown.starts_with("cache_budget = 5\nhub_token = ******"), "{shown}");
        assert!(!shown.contains("hf_") && !shown.contains("u:p"), "{shown}");
    }
}
