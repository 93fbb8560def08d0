//! A workflow with all that it is made of, as one tree: the entry file, its parts and its bases.
//!
//! The shell and the tests call [`load`] with a [`Reader`] each. Nothing is read but through it, and no file
//! outside the folder of the entry is ever asked for.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    merge::{Claim, IsModifier, Removed, lay_over, put_under},
    parse, path,
    sources::Sources,
    tree::{Node, Tree, quoted},
};
use crate::base::{Mistake, Place, SourceId, limits::DOCUMENT_FILES_MAX, near};

/// Gives the text of a file.
pub trait Reader {
    /// The text of the file at `path`, which is the entry as the user named it, or lies in its folder by name.
    /// `-` is the standard input. A reader of real files refuses links that lead out of the entry's folder, and
    /// files far larger than a document may be. The error says why, as in "there is no such file".
    fn read(&self, path: &str) -> Result<String, String>;

    /// Paths of files that there are in the folder of `path`, for "did you mean". None where that is not known.
    fn beside(&self, _path: &str) -> Vec<String> {
        Vec::new()
    }
}

/// A workflow with everything that its files give, laid together.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `extends` is gone from it; `include` lists what all its files include.
    pub tree: Tree,
    /// The parts, each once, those that others include first.
    pub parts: Vec<Part>,
    /// What variants took away of their bases.
    pub removed: Vec<Removed>,
    /// Whether all of its files could be read: names that it lacks may be in one that could not.
    pub is_whole: bool,
    /// What files say that others were laid over or put above: of it, not all is in the tree.
    pub alone: Vec<Alone>,
    /// Files that hold values of inputs, as the user would name them.
    pub data: Vec<String>,
}

/// What one file says by itself, but for the files that it names.
#[derive(Clone, Debug)]
pub struct Alone {
    pub kind: Kind,
    pub tree: Tree,
}

/// What a file is, by its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Workflow,
    /// A workflow that extends another.
    Variant,
    Part,
}

/// One part of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub name: Arc<str>,
    /// As the user would name it.
    pub path: Arc<str>,
    pub source: SourceId,
}

/// Reads the workflow or the part at `entry`, which is the first of the sources. There is a tree whenever the entry itself could be read; whoever gets mistakes
/// with it may look for more of them, but must not run it.
pub fn load(entry: &str, reader: &dyn Reader, is_modifier: IsModifier<'_>) -> (Option<Loaded>, Sources, Vec<Mistake>) {
    let (folder, name) = if entry == "-" { ("", STDIN) } else { path::split(entry) };
    let mut loading = Loading {
        entry,
        folder,
        reader,
        is_modifier,
        sources: Sources::default(),
        mistakes: Vec::new(),
        chain: Vec::new(),
        done: HashSet::new(),
        part_of: HashMap::new(),
        parts: Vec::new(),
        removed: Vec::new(),
        is_whole: true,
        alone: Vec::new(),
        data: Vec::new(),
    };
    let tree = loading.workflow(name, None);
    let Loading { sources, mistakes, parts, removed, is_whole, alone, data, .. } = loading;
    (tree.map(|tree| Loaded { tree, parts, removed, is_whole, alone, data }), sources, mistakes)
}

const STDIN: &str = "<stdin>";

struct Loading<'l> {
    entry: &'l str,
    /// The folder of the entry, with a `/` at its end; all paths are counted from it.
    folder: &'l str,
    reader: &'l dyn Reader,
    is_modifier: IsModifier<'l>,
    sources: Sources,
    mistakes: Vec<Mistake>,
    /// The files that are being read, each because of the one before it.
    chain: Vec<String>,
    /// Parts that were read.
    done: HashSet<String>,
    /// Of each part, itself and all that it includes, directly or not. Files that are not parts are not here.
    part_of: HashMap<SourceId, HashSet<SourceId>>,
    parts: Vec<Part>,
    removed: Vec<Removed>,
    is_whole: bool,
    alone: Vec<Alone>,
    data: Vec<String>,
}

impl Loading<'_> {
    /// A workflow with its parts, laid over what it extends.
    fn workflow(&mut self, path: &str, asked: Option<Place>) -> Option<Tree> {
        let (_, mut tree) = self.file(path, asked)?;
        if let (Some(key), None, Some(asked)) = (tree.key("part"), tree.key("workflow"), asked) {
            let mistake = Mistake::new("document::not_a_workflow", asked, "expected a workflow, found a part");
            let mistake = mistake.related(key.place, "this makes it a part");
            self.mistakes.push(mistake.help("put the file under `include`, or extend a workflow"));
            return None;
        }
        if tree.key("workflow").is_none() && self.refuse_base(&tree) {
            return None;
        }
        self.inputs_from_files(path, &mut tree);
        self.chain.push(path.into());
        let is_variant = tree.key("extends").is_some();
        if is_variant || asked.is_some() {
            self.stands_alone(if is_variant { Kind::Variant } else { Kind::Workflow }, &tree);
        }
        let base = self.base(path, &mut tree);
        let (mut parts, mut seen) = (Vec::new(), HashSet::new());
        self.included(path, &mut tree, &mut parts, &mut seen);
        self.chain.pop();
        match base {
            Some(mut base) => {
                self.put_parts(&mut base, parts);
                Some(lay_over(base, tree, self.is_modifier, &mut self.mistakes, &mut self.removed))
            }
            // What it lacks is in the base that could not be read.
            None if is_variant => None,
            None => {
                self.put_parts(&mut tree, parts);
                Some(tree)
            }
        }
    }

    /// Puts what is in a file, such as a catalogue, in the place of its name: it is what the input is when a run is not given
    /// it, and so it is kept with the workflow under the workflow's digest.
    fn inputs_from_files(&mut self, path: &str, tree: &mut Tree) {
        let Node::Map(keys) = &mut tree.node else { return };
        let Some((_, inputs)) = keys.iter_mut().find(|(key, _)| &*key.text == "inputs") else { return };
        let Node::Map(inputs) = &mut inputs.node else { return };
        for (_, input) in inputs {
            let both = input.key("default").map(|key| key.place);
            let Node::Map(fields) = &mut input.node else { continue };
            let Some(at) = fields.iter().position(|(key, _)| &*key.text == "from") else { continue };
            if let Some(default) = both {
                let mistake = Mistake::new("document::twice", fields[at].0.place, "`from` and `default` are both said");
                self.mistakes.push(mistake.related(default, "said here").help("leave one of them out"));
                continue;
            }
            let given = self.file_name(&fields[at].1);
            let place = fields[at].1.place;
            let data = match given {
                Some(address) if path::is_address(&address) => {
                    self.expect_address(&address, place);
                    None
                }
                Some(given) => {
                    let found = self.resolved(path, &given, place);
                    self.data.extend(found.as_ref().map(|found| self.shown(found)));
                    found.and_then(|found| Some(self.file(&found, Some(place))?.1))
                }
                None => None,
            };
            if let Some(data) = data {
                fields[at].0.text = "default".into();
                fields[at].1 = data;
            }
        }
    }

    /// Tells that a part has no base, if it names one.
    fn refuse_base(&mut self, tree: &Tree) -> bool {
        let (Some(part), Some(extends)) = (tree.key("part"), tree.key("extends")) else { return false };
        let mistake = Mistake::new("document::not_a_workflow", extends.place, "only a workflow extends another");
        let mistake = mistake.related(part.place, "this makes it a part");
        self.mistakes.push(mistake.help("write `workflow` in place of `part`, or `include` the other file"));
        true
    }

    /// An address stays where it is written: whoever begins a run asks it.
    fn expect_address(&mut self, address: &str, place: Place) {
        if let Err(help) = path::address(address) {
            let mistake = Mistake::new("document::wrong_value", place, "expected an address that anybody may know");
            self.mistakes.push(mistake.help(help));
        }
    }

    /// The workflow that this one extends; its key is taken out.
    fn base(&mut self, path: &str, tree: &mut Tree) -> Option<Tree> {
        let Node::Map(entries) = &mut tree.node else { return None };
        let at = entries.iter().position(|(key, _)| &*key.text == "extends")?;
        let (_, extends) = entries.remove(at);
        let given = self.file_name(&extends)?;
        let base = self.resolved(path, &given, extends.place)?;
        self.no_cycle(&base, extends.place)?;
        self.workflow(&base, Some(extends.place))
    }

    /// Reads the parts that a file includes and all that they include, those without parts of their own first. What cannot be
    /// the name of a file is told here and taken out.
    fn included(&mut self, path: &str, tree: &mut Tree, parts: &mut Vec<Tree>, reached: &mut HashSet<SourceId>) {
        let Some(include) = tree.get("include") else { return };
        if !matches!(include.node, Node::List(_)) {
            let message = format!("expected a list of files, found {}", include.describe());
            let mistake = Mistake::new("document::wrong_type", include.place, message);
            let written = include.as_text().map_or("parts/entry.yaml", |file| file);
            self.mistakes.push(mistake.help(format!("write `include: [{written}]`")));
            self.is_whole = false;
        }
        for item in include.items() {
            let given = self.file_name(item);
            let Some(part) = given.and_then(|given| self.resolved(path, &given, item.place)) else {
                self.is_whole = false;
                continue;
            };
            if self.no_cycle(&part, item.place).is_some() {
                reached.extend(self.part(&part, item.place, parts));
            }
        }
        let Node::Map(entries) = &mut tree.node else { return };
        entries.retain_mut(|(key, value)| match &mut value.node {
            _ if &*key.text != "include" => true,
            Node::List(files) => {
                files.retain(|file| file.as_text().is_some());
                true
            }
            _ => false,
        });
    }

    /// Reads a part, unless it was; gives its source and those of all that it includes.
    fn part(&mut self, path: &str, asked: Place, parts: &mut Vec<Tree>) -> HashSet<SourceId> {
        if !self.done.insert(path.into()) {
            let shown = self.shown(path);
            let known = self.parts.iter().find(|part| *part.path == *shown);
            return known.and_then(|part| self.part_of.get(&part.source)).cloned().unwrap_or_default();
        }
        let Some((source, mut tree)) = self.file(path, Some(asked)) else { return HashSet::new() };
        let Some(name) = self.part_name(&tree, asked) else {
            self.is_whole = false;
            return HashSet::new();
        };
        self.refuse_base(&tree);
        self.stands_alone(Kind::Part, &tree);
        self.chain.push(path.into());
        let mut reached = HashSet::from([source]);
        self.included(path, &mut tree, parts, &mut reached);
        self.chain.pop();
        self.part_of.insert(source, reached.clone());
        self.parts.push(Part { name, path: self.shown(path).into(), source });
        parts.push(tree);
        reached
    }

    fn part_name(&mut self, tree: &Tree, asked: Place) -> Option<Arc<str>> {
        if let Some(key) = tree.key("workflow") {
            let mistake = Mistake::new("document::not_a_part", asked, "expected a part, found a workflow");
            let mistake = mistake.related(key.place, "this makes it a workflow");
            self.mistakes.push(mistake.help("to start from another workflow, write `extends: FILE`"));
            return None;
        }
        match tree.get("part").map(|name| (name, name.as_text())) {
            Some((_, Some(name))) => Some(name.clone()),
            Some((name, None)) => {
                let message = format!("expected the name of the part, found {}", name.describe());
                self.mistakes.push(Mistake::new("document::wrong_type", name.place, message));
                None
            }
            None => {
                let place = Place { end: tree.place.start, ..tree.place };
                let mistake = Mistake::new("document::missing_key", place, "expected a part, found no key `part`");
                self.mistakes.push(mistake.help("start the file with `part: NAME`").related(asked, "included here"));
                None
            }
        }
    }

    /// Keeps what a file says for the check of its own; of the files that it names, loading tells itself.
    fn stands_alone(&mut self, kind: Kind, tree: &Tree) {
        let mut tree = tree.clone();
        if let Node::Map(entries) = &mut tree.node {
            entries.retain(|(key, _)| !["extends", "include"].contains(&&*key.text));
        }
        self.alone.push(Alone { kind, tree });
    }

    fn put_parts(&mut self, whole: &mut Tree, parts: Vec<Tree>) {
        // The rules of a part are defaults: whatever includes it may give them anew.
        let claim =
            |first: Place, second: Place| match (self.part_of.get(&first.source), self.part_of.get(&second.source)) {
                (None, _) => Claim::First,
                (_, Some(reached)) if reached.contains(&first.source) => Claim::Second,
                _ => Claim::Twice,
            };
        for part in parts {
            put_under(whole, part, &claim, &mut self.mistakes);
        }
    }

    /// Reads one file; `asked` is where another one names it.
    fn file(&mut self, path: &str, asked: Option<Place>) -> Option<(SourceId, Tree)> {
        let shown = self.shown(path);
        if self.sources.len() >= DOCUMENT_FILES_MAX {
            const CODE: &str = "document::too_many_files";
            if !self.mistakes.iter().any(|mistake| mistake.code == CODE) {
                let message = format!("expected a workflow of at most {DOCUMENT_FILES_MAX} files, found more");
                self.mistakes.push(Mistake::new(CODE, asked.unwrap_or_default(), message));
            }
            return None;
        }
        let text = match self.reader.read(if asked.is_some() { &shown } else { self.entry }) {
            Ok(text) => text,
            Err(why) => {
                let place = asked.unwrap_or_else(|| Place::new(self.sources.add(&*shown, ""), 0..0));
                let mut there = self.reader.beside(&shown);
                // Nobody means the file that asks.
                let asks = asked.map(|place| self.sources.name(place.source)).unwrap_or_default();
                there.retain(|path| path != asks && !self.chain.iter().any(|open| self.shown(open) == *path));
                // One that is there was meant, whatever is wrong with it.
                let near =
                    if there.contains(&shown) { None } else { near::nearest(&shown, there.iter().map(String::as_str)) };
                let mistake =
                    Mistake::new("document::unreadable", place, format!("cannot read {}: {why}", quoted(&shown)));
                self.is_whole = false;
                // As the author would write it, from the folder of the file that asks.
                let written = asked.map(|place| &self.sources.text(place.source)[place.bytes()]).unwrap_or_default();
                let folder = path::split(written.trim_matches(['"', '\''])).0;
                let help = near.map(|near| format!("did you mean `{folder}{}`?", path::split(near).1));
                self.mistakes.push(mistake.maybe_help(help));
                return None;
            }
        };
        let text: Arc<str> = text.into();
        let source = self.sources.add(&*shown, text.clone());
        let (tree, mut mistakes) = parse(source, &text);
        self.is_whole &= tree.is_some();
        self.mistakes.append(&mut mistakes);
        tree.map(|tree| (source, tree))
    }

    fn file_name(&mut self, tree: &Tree) -> Option<Arc<str>> {
        if tree.as_text().is_none() {
            let message = format!("expected the name of a file, found {}", tree.describe());
            self.mistakes.push(Mistake::new("document::wrong_type", tree.place, message));
        }
        tree.as_text().cloned()
    }

    fn resolved(&mut self, from: &str, given: &str, place: Place) -> Option<String> {
        path::resolve(from, given)
            .map_err(|help| {
                let message = format!("expected a file in the folder of the workflow, found {}", quoted(given));
                self.mistakes.push(Mistake::new("document::escapes", place, message).help(help));
            })
            .ok()
    }

    fn no_cycle(&mut self, path: &str, place: Place) -> Option<()> {
        let Some(at) = self.chain.iter().position(|open| open == path) else { return Some(()) };
        let names: Vec<_> =
            self.chain[at..].iter().map(String::as_str).chain([path]).map(|path| self.shown(path)).collect();
        let message = format!("files lead back to one another: {}", names.join(" → "));
        self.mistakes.push(Mistake::new("document::include_cycle", place, message).help("leave one of them out"));
        None
    }

    fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }
}
