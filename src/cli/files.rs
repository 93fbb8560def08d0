//! Reading workflow files from the disk, for the commands that take one.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    Exit,
    out::Out,
    report::{self, Format},
};
use crate::{
    base::{
        Mistake, Name, Place, Ty, Value,
        limits::{DOCUMENT_BYTES_MAX, FAN_OUT_MAX},
        near,
    },
    document::{self, Node, Reader, Sources, Tree, types::is_modifier},
    sim::Model,
    workflow::{self, Checked, Workflow},
};

/// The file system below the folder of one file. Links that lead out of it are not followed.
pub(super) struct Disk {
    root: Option<PathBuf>,
}

impl Disk {
    pub(super) fn around(entry: &str) -> Self {
        let folder =
            Path::new(entry).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { root: folder.canonicalize().ok() }
    }
}

impl Reader for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "-" {
            return read_limited(std::io::stdin().lock());
        }
        let real = Path::new(path).canonicalize().map_err(|error| told(&error))?;
        if self.root.as_ref().is_some_and(|root| !real.starts_with(root)) {
            return Err("it is a link that leads out of the workflow's folder".into());
        }
        // To open a pipe that nobody writes to is to wait for ever, so its kind is asked before.
        let kind = std::fs::metadata(&real).map_err(|error| told(&error))?.file_type();
        if kind.is_dir() {
            return Err("it is a folder".into());
        }
        if !kind.is_file() {
            return Err("it is not a file but a pipe or a device; `-` reads from stdin".into());
        }
        read_limited(std::fs::File::open(&real).map_err(|error| told(&error))?)
    }

    fn beside(&self, path: &str) -> Vec<String> {
        let path = Path::new(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
        // As the author would write them: without a `./` that the path did not have.
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            Some(path.with_file_name(entry.ok()?.file_name()).to_string_lossy().into_owned())
        };
        entries.take(BESIDE_MAX).filter_map(name).collect()
    }
}

/// Files of a folder that are looked through for one with a name near to that of a missing one.
const BESIDE_MAX: usize = 1_000;

/// The words of the operating system without its numbers.
fn told(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".into(),
        _ => error.to_string(),
    }
}

/// Reads a little more than is allowed, so that the check of the size sees that it is too much.
fn read_limited(file: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    file.take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| told(&error))?;
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 text: byte {} is wrong", error.utf8_error().valid_up_to()))
}

/// One file, checked, and what to say of it.
pub(super) struct Reading {
    pub(super) checked: Result<Checked, Vec<Mistake>>,
    /// With everything that it includes and extends, and with the settings of the call.
    pub(super) tree: Option<Tree>,
    pub(super) sources: Sources,
    /// Files that it takes values of inputs from.
    pub(super) data: Vec<String>,
}

/// Reads a file with all that it includes and extends, and checks it. `settings` are the `--set` of the call.
pub(super) fn read(path: &str, settings: &[String]) -> Reading {
    read_by(&Disk::around(path), path, settings)
}

pub(super) fn read_by(reader: &dyn Reader, path: &str, settings: &[String]) -> Reading {
    let (loaded, mut sources, mut mistakes) = document::load(path, reader, &is_modifier);
    let Some(mut loaded) = loaded else {
        return Reading { checked: Err(mistakes), tree: None, sources, data: Vec::new() };
    };
    for setting in settings {
        set(&mut loaded.tree, setting, &mut sources, &mut mistakes);
    }
    let checked = match workflow::check_loaded(&loaded) {
        Ok(checked) if mistakes.is_empty() => Ok(checked),
        Ok(_) => Err(mistakes),
        Err(more) => Err([mistakes, more].concat()),
    };
    Reading { checked, tree: Some(loaded.tree), sources, data: loaded.data }
}

/// A valid workflow, or the mistakes told and the exit that they mean.
pub(super) fn workflow(path: &str, settings: &[String], out: &Out) -> Result<Arc<Workflow>, Exit> {
    workflow_and_source(path, settings, out).map(|(workflow, _)| workflow)
}

/// The same, and the text that a run keeps of it.
pub(super) fn workflow_and_source(path: &str, settings: &[String], out: &Out) -> Result<(Arc<Workflow>, Tree), Exit> {
    valid(path, read(path, settings), out)
}

/// What was read, where it is a valid workflow.
pub(super) fn valid(path: &str, read: Reading, out: &Out) -> Result<(Arc<Workflow>, Tree), Exit> {
    match read.checked {
        Ok(Checked::Workflow(workflow)) => {
            Ok((Arc::new(*workflow), read.tree.expect("what was checked was read from a tree")))
        }
        Ok(Checked::Part(name)) => {
            Err(out
                .wrong(&format!("{path} is the part `{name}`, which other workflows include; it cannot run by itself")))
        }
        Err(mistakes) => {
            tell(&mistakes, &read.sources, if out.json { Format::Json } else { Format::Human }, out);
            Err(Exit::Wrong)
        }
    }
}

/// The world of a workflow, where the call names none: the file of its name in the folder `worlds` beside it, if there is
/// one.
pub(super) fn world_of(workflow: &str) -> Option<String> {
    let path = Path::new(workflow);
    let beside = path.with_file_name("worlds").join(path.file_name()?);
    beside.is_file().then(|| beside.to_string_lossy().into_owned())
}

/// A modelled world and its text, which a run keeps; else the mistakes told and the exit that they mean.
pub(super) fn world_file(path: &str, out: &Out) -> Result<(String, Model), Exit> {
    let text = Disk::around(path).read(path).map_err(|why| out.wrong(&format!("cannot read {path}: {why}")))?;
    let mut sources = Sources::default();
    let source = sources.add(path, text.as_str());
    match Model::read(source, &text) {
        Ok(model) => Ok((text, model)),
        Err(mistakes) => {
            tell(&mistakes, &sources, if out.json { Format::Json } else { Format::Human }, out);
            Err(Exit::Wrong)
        }
    }
}

/// The world that a file models, if that is what it says it is.
pub(super) fn world(path: &str) -> Option<(Result<Model, Vec<Mistake>>, Sources)> {
    if path == "-" {
        return None;
    }
    let text = Disk::around(path).read(path).ok()?;
    let mut sources = Sources::default();
    let source = sources.add(path, text.as_str());
    let (tree, mistakes) = document::parse(source, &text);
    let tree = tree.filter(|tree| tree.get("world").is_some() && tree.get("workflow").is_none())?;
    Some((if mistakes.is_empty() { Model::of(&tree) } else { Err(mistakes) }, sources))
}

/// Tells mistakes: as data to stdout, for people to stderr.
pub(super) fn tell(mistakes: &[Mistake], sources: &Sources, format: Format, out: &Out) {
    let text = report::report(mistakes, sources, format, out.look());
    match format {
        Format::Human => out.say(&text),
        Format::Json | Format::Github => {
            out.data(&text);
        }
    }
}

/// What of a workflow a call may set.
const SETTABLE: [&str; 3] = ["rules", "schedule", "gpus"];

/// Carries out one `--set rules.fee="0.3 TAO"`.
fn set(tree: &mut Tree, setting: &str, sources: &mut Sources, mistakes: &mut Vec<Mistake>) {
    let source = sources.add(format!("--set {setting}"), setting);
    let whole = crate::base::Place::new(source, 0..setting.len());
    let Some((path, written)) = setting.split_once('=') else {
        let mistake = Mistake::new("call::set", whole, "expected PATH=VALUE, as in `rules.fee=0.3 TAO`");
        return mistakes.push(mistake);
    };
    let path = path.trim();
    if written.trim().is_empty() {
        let mistake = Mistake::new("call::set", whole, "expected a value after the `=`, found nothing");
        return mistakes.push(mistake.help("write `null` to say that there is none"));
    }
    // A text of its own that says nothing would be an empty document; as a value it is null.
    let is_null = ["null", "~"].contains(&written.trim());
    let (value, wrong) = if is_null {
        (Some(Tree { place: whole, node: Node::Null }), Vec::new())
    } else {
        document::parse(source, written)
    };
    // The text was read without what stands before it: its places move right by as much.
    let shift = setting.len() - written.len();
    mistakes.extend(wrong.into_iter().map(|mistake| Mistake {
        place: crate::base::Place::new(source, mistake.place.bytes().start + shift..mistake.place.bytes().end + shift),
        ..mistake
    }));
    let Some(mut value) = value else { return };
    value.stand_at(whole);
    let mut at = &mut *tree;
    let mut known = String::new();
    let root = path.split('.').next().unwrap_or_default();
    if !SETTABLE.contains(&root) {
        let message =
            "expected a path that begins with `rules.`, `schedule.` or `gpus.`: nothing else is set by a call";
        return mistakes
            .push(Mistake::new("call::set", whole, message).help("a variant, with `extends`, changes anything"));
    }
    for part in path.split('.') {
        let names: Vec<String> = at.entries().iter().map(|(key, _)| key.text.to_string()).collect();
        let found = match &mut at.node {
            Node::Map(entries) => entries.iter_mut().find(|(key, _)| *key.text == *part).map(|(_, value)| value),
            _ => None,
        };
        match found {
            Some(inner) => at = inner,
            None => {
                let help = near::did_you_mean(part, names.iter().map(String::as_str));
                let inside = if known.is_empty() { "the workflow".to_string() } else { format!("`{known}`") };
                let mistake = Mistake::new("call::set", whole, format!("there is no `{part}` in {inside}"));
                return mistakes.push(mistake.maybe_help(help));
            }
        }
        known = if known.is_empty() { part.into() } else { format!("{known}.{part}") };
    }
    *at = value;
}

/// The files that a path means: itself, or of a folder those of some name, in order. `what` says which ones are meant.
pub(super) fn expand(path: &str, what: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Found, String> {
    let mut found = Found::default();
    if path == "-" || !Path::new(path).is_dir() {
        found.files.push(path.to_string());
        return Ok(found);
    }
    found.walk(Path::new(path), wanted);
    found.files.sort();
    found.unread.sort();
    let is_nothing = found.files.is_empty() && found.unread.is_empty();
    if is_nothing { Err(format!("expected {what} in the folder {path}, found none")) } else { Ok(found) }
}

/// What there is in a folder and below it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: Vec<String>,
    /// Folders that could not be read, each with the reason.
    pub(super) unread: Vec<(String, String)>,
}

impl Found {
    /// Goes on where a folder cannot be read: what is wrong with the other files is worth telling.
    fn walk(&mut self, folder: &Path, wanted: &dyn Fn(&str) -> bool) {
        let unread = |error: &std::io::Error| (folder.to_string_lossy().into_owned(), told(error));
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push(unread(&error)),
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => return self.unread.push(unread(&error)),
            };
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() && !path.is_symlink() && !name.starts_with('.') {
                self.walk(&path, wanted);
            } else if wanted(&name) {
                self.files.push(path.to_string_lossy().into_owned());
            }
        }
    }

    /// A mistake for each folder that could not be read.
    pub(super) fn mistakes(&self, sources: &mut Sources) -> Vec<Mistake> {
        let mistake = |(folder, why): &(String, String)| {
            let place = Place::new(sources.add(folder.as_str(), ""), 0..0);
            Mistake::new("document::unreadable", place, format!("cannot read the folder `{folder}`: {why}"))
        };
        self.unread.iter().map(mistake).collect()
    }
}

/// How many of each to make up: no more than a `for_each` takes, so that nobody waits for what is refused afterwards.
pub(super) fn entrants(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count <= FAN_OUT_MAX => Ok(count),
        _ => Err(format!("expected a whole number up to {FAN_OUT_MAX}, the most that a `for_each` takes")),
    }
}

/// Reads a value from a file of YAML or JSON.
pub(super) fn value(path: &str) -> Result<serde_json::Value, String> {
    let text = read_data(path).map_err(|why| format!("cannot read {path}: {why}"))?;
    if let Ok(json) = serde_json::from_str(&text) {
        return Ok(json);
    }
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("{path}: expected JSON, for YAML has at most {DOCUMENT_BYTES_MAX} bytes in one file"));
    }
    if text.trim().is_empty() {
        return Err(format!("{path}: expected a value, found an empty file"));
    }
    let mut sources = Sources::default();
    let source = sources.add(path, text.as_str());
    let (tree, mistakes) = document::parse(source, &text);
    match (tree, mistakes.first()) {
        (Some(tree), None) => Ok(tree.to_json()),
        (_, Some(mistake)) => {
            let help = mistake.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            Err(format!("{}: {}{help}", sources.describe(mistake.place), mistake.message))
        }
        (None, None) => Err(format!("{path}: expected a value, found an empty file")),
    }
}

/// Bytes of a file of inputs: those of as many entrants as a fan-out takes.
const DATA_BYTES_MAX: u64 = 256 << 20;

/// The text of a file that holds data and no rules, which may be larger than a document.
fn read_data(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut take = |file: &mut dyn Read| file.take(DATA_BYTES_MAX + 1).read_to_string(&mut text);
    let read = if path == "-" {
        take(&mut std::io::stdin().lock())
    } else {
        let kind = std::fs::metadata(path).map_err(|error| told(&error))?.file_type();
        if kind.is_dir() {
            return Err("it is a folder".into());
        }
        take(&mut std::fs::File::open(path).map_err(|error| told(&error))?)
    };
    match read {
        Ok(bytes) if bytes as u64 > DATA_BYTES_MAX => Err(format!("it has more than {DATA_BYTES_MAX} bytes")),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err("it is not UTF-8 text".into()),
        Err(error) => Err(told(&error)),
    }
}

/// Reads the inputs of a run from a file of YAML or JSON, each as its declared type.
pub(super) fn inputs(path: &str, workflow: &Workflow) -> Result<IndexMap<Name, Value>, String> {
    let serde_json::Value::Object(json) = value(path)? else {
        return Err(format!("{path}: expected a mapping of inputs by their names"));
    };
    let places = Places::of(path);
    let (mut inputs, mut wrong) = (IndexMap::new(), Vec::new());
    for (name, value) in json {
        let written = places.tree.as_ref().and_then(|tree| tree.get(&name).zip(tree.key(&name)));
        let Some((name, input)) = workflow.inputs.get_key_value(name.as_str()) else {
            let help = near::did_you_mean(&name, workflow.inputs.keys().map(Name::as_str))
                .unwrap_or_else(|| "it has none".into());
            let place = places.told(written.map(|(_, key)| key.place));
            wrong.push(format!("{place}: the workflow has no input `{name}`; {help}"));
            continue;
        };
        match (Value::from_json(&value, &input.ty), written) {
            (Ok(value), _) => drop(inputs.insert(name.clone(), value)),
            (Err(_), Some((tree, key))) => wrong.extend(places.misfits(name, tree, key.place, &input.ty)),
            (Err(why), None) => wrong.push(format!("{path}: {name}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(inputs) } else { Err(few(wrong)) }
}

/// Reads one input from a text of YAML or JSON that is called `path`.
pub(super) fn input(path: &str, text: &str, name: &Name, ty: &Ty) -> Result<Value, String> {
    let mut sources = Sources::default();
    let source = sources.add(path, text);
    let (tree, mistakes) = document::parse(source, text);
    let told = |mistake: &Mistake| format!("{}: {}", sources.describe(mistake.place), mistake.message);
    let Some(tree) = tree.filter(|_| mistakes.is_empty()) else { return Err(few(mistakes.iter().map(told).collect())) };
    Value::from_json(&tree.to_json(), ty).map_err(|_| {
        let places = Places { path: path.to_owned(), tree: None, sources };
        few(places.misfits(name, &tree, tree.place, ty))
    })
}

/// The first of what is wrong, and how much more there is.
fn few(mut wrong: Vec<String>) -> String {
    let more = wrong.len().saturating_sub(INPUTS_TOLD_MAX);
    wrong.truncate(INPUTS_TOLD_MAX);
    wrong.extend((more > 0).then(|| format!("and {more} more of the kind")));
    wrong.join("\n")
}

/// Mistakes in a file of inputs that are told at once.
const INPUTS_TOLD_MAX: usize = 20;

/// Where the inputs of a file stand, as far as the file is small enough to be looked at in that way.
struct Places {
    path: String,
    tree: Option<Tree>,
    sources: Sources,
}

impl Places {
    fn of(path: &str) -> Self {
        let text = if path == "-" { None } else { read_data(path).ok() };
        let mut sources = Sources::default();
        let tree = text.filter(|text| text.len() <= DOCUMENT_BYTES_MAX).and_then(|text| {
            let source = sources.add(path, text.as_str());
            document::parse(source, &text).0
        });
        Self { path: path.to_owned(), tree, sources }
    }

    /// What of an input is not of its type, and where.
    fn misfits(&self, name: &Name, tree: &Tree, key: Place, ty: &Ty) -> Vec<String> {
        let mut found = Vec::new();
        misfits(tree, key, ty, &mut found);
        found.into_iter().map(|(place, why)| format!("{}: {name}: {why}", self.told(Some(place)))).collect()
    }

    fn told(&self, place: Option<Place>) -> String {
        place.map_or_else(|| self.path.clone(), |place| self.sources.describe(place))
    }
}

/// The innermost values that are not of their types, and why.
fn misfits(tree: &Tree, key: Place, ty: &Ty, found: &mut Vec<(Place, String)>) {
    let Err(why) = Value::from_json(&tree.to_json(), ty) else { return };
    let before = found.len();
    match (&tree.node, ty) {
        (_, Ty::Optional(inner)) => return misfits(tree, key, inner, found),
        (Node::List(items), Ty::List(item)) => items.iter().for_each(|it| misfits(it, it.place, item, found)),
        (Node::Map(entries), Ty::Map(item)) => {
            entries.iter().for_each(|(key, it)| misfits(it, key.place, item, found));
        }
        (Node::Map(entries), Ty::Record(record)) => {
            for (key, it) in entries {
                if let Some(ty) = record.fields.get(&*key.text) {
                    misfits(it, key.place, ty, found);
                }
            }
        }
        _ => {}
    }
    // Nothing inside is wrong by itself: it is the value as a whole.
    if found.len() == before {
        found.push((if tree.place.start < tree.place.end { tree.place } else { key }, why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_keeps_no_other_from_being_looked_through() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("a.yaml"), "part: a").unwrap();
        let gone = folder.path().join("gone");
        let mut found = Found::default();
        found.walk(&gone, &|_| true);
        found.walk(folder.path(), &|name| name == "a.yaml");
        assert_eq!(found.files, [inside.join("a.yaml").to_string_lossy()]);
        let mut sources = Sources::default();
        let mistakes = found.mistakes(&mut sources);
        let [mistake] = mistakes.as_slice() else { panic!("{mistakes:?}") };
        assert_eq!(mistake.code, "document::unreadable");
        assert_eq!(sources.name(mistake.place.source), gone.to_string_lossy());
        assert!(mistake.message.starts_with("cannot read the folder `"), "{}", mistake.message);
    }
}
