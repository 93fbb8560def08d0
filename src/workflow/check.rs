//! The check of a whole document, in one pass that collects every mistake.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    Body, BodyIx, Input, Workflow, apart, form::Template, given, gpus, hosts, meant, names, origin, types,
    types::Types, unused, written::Written,
};
use crate::{
    base::{
        Mistake, Name, Place, SourceId, Ty, Value,
        limits::{MISTAKES_SOUGHT_MAX, STEPS_MAX, TEMPLATE_DEPTH_MAX},
        near,
    },
    document::{self, Alone, Loaded, Removed, Tree, types as doc},
    rule::Scope,
};

/// A file without mistakes.
#[derive(Clone, Debug)]
pub enum Checked {
    Workflow(Box<Workflow>),
    /// A part is complete in itself but is nothing that could run.
    Part(Name),
}

/// Checks a document whose entry file is the first of its sources.
pub fn check(tree: &Tree) -> Result<Checked, Vec<Mistake>> {
    check_what_is_there(tree, &[], &[], true)
}

/// Checks a document of which it is known what its variants took away, and whether all of its files could be read.
pub fn check_loaded(loaded: &Loaded) -> Result<Checked, Vec<Mistake>> {
    check_what_is_there(&loaded.tree, &loaded.removed, &loaded.alone, loaded.is_whole)
}

fn check_what_is_there(
    tree: &Tree,
    removed: &[Removed],
    alone: &[Alone],
    is_whole: bool,
) -> Result<Checked, Vec<Mistake>> {
    let is_part = tree.get("workflow").is_none() && tree.get("part").is_some();
    let mut shape_mistakes = Vec::new();
    let schema = if is_part { doc::part_schema() } else { doc::workflow_schema() };
    document::shape::check(tree, schema, &doc::read_format, &mut shape_mistakes);
    apart::tell(alone, &mut shape_mistakes);

    let mut checker = Checker::new(SourceId::default());
    checker.written = Written::of(tree);
    let checked = checker.document(tree, is_part);
    let mut mistakes = shape_mistakes;
    // What stands at a key that should not be there is told with the key.
    mistakes.retain(|it| !checker.refused.iter().any(|refused| refused.holds(it.place)));
    mistakes.append(&mut checker.written.mistakes);
    // The shape check has the better words for what both see.
    let seen: BTreeSet<_> = mistakes.iter().map(|mistake| mistake.place).collect();
    let written = std::mem::take(&mut checker.written);
    let misnamed = std::mem::take(&mut checker.misnamed);
    let asks_misnamed = |it: &Mistake| {
        matches!(it.code, "rule::unknown_name" | "workflow::unknown_need")
            && it.message.split('`').nth(1).is_some_and(|name| misnamed.contains(name))
    };
    let is_told = |it: &Mistake| {
        asks_misnamed(it)
            || written.tells(it)
            || ["document::", "workflow::wrong_type", "workflow::not_computed"]
                .iter()
                .any(|code| it.code.starts_with(code))
                && seen.contains(&it.place)
    };
    mistakes.extend(checker.mistakes.into_iter().filter(|it| !is_told(it)));
    let told: BTreeSet<_> = mistakes.iter().map(|mistake| mistake.place).collect();
    mistakes.extend(written.literals.iter().filter(|it| !told.contains(&it.place)).cloned());
    if !is_whole {
        meant::forgive(&mut mistakes, &mut checker.unread);
    }
    meant::settle(&mut mistakes, &mut checker.unread, tree, removed);
    unused::tell(checker.unread, tree, &mut mistakes);
    mistakes.sort_by(|a, b| (a.place, a.code).cmp(&(b.place, b.code)));
    mistakes.dedup();
    let mut mistakes = origin::gather(mistakes);
    mistakes.truncate(MISTAKES_SOUGHT_MAX);
    match checked {
        Some(checked) if mistakes.is_empty() => Ok(checked),
        _ => Err(mistakes),
    }
}

/// What is known while a document is checked.
pub(super) struct Checker {
    /// The file that the author named; the others are its bases and parts.
    pub(super) entry: SourceId,
    pub(super) types: Types,
    /// The names that every place sees: `rules`, `run`, and the GPU table's function.
    pub(super) everywhere: Scope,
    pub(super) rules: Value,
    pub(super) limits: IndexMap<Name, u32>,
    pub(super) templates: IndexMap<Name, Template>,
    pub(super) bodies: Vec<Body>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) used: unused::Used,
    pub(super) unread: Vec<unused::Unread>,
    pub(super) written: Written,
    /// Names that cannot be names: whoever reads them is not to blame.
    misnamed: BTreeSet<Arc<str>>,
    /// Values at keys that should not be there.
    pub(super) refused: Vec<Place>,
    /// The names of all templates, also of those that could not be checked.
    pub(super) written_templates: BTreeSet<Arc<str>>,
}

impl Checker {
    fn new(entry: SourceId) -> Self {
        Self {
            entry,
            types: Types::default(),
            everywhere: Scope::new(),
            rules: Value::Null,
            limits: IndexMap::new(),
            templates: IndexMap::new(),
            bodies: Vec::new(),
            mistakes: Vec::new(),
            used: unused::Used::default(),
            unread: Vec::new(),
            written: Written::default(),
            misnamed: BTreeSet::new(),
            refused: Vec::new(),
            written_templates: BTreeSet::new(),
        }
    }

    pub(super) fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// The name that a key spells.
    pub(super) fn name(&mut self, key: &document::Key) -> Option<Name> {
        match Name::parse(&key.text) {
            Ok(name) => Some(name),
            Err(why) => {
                self.misnamed.insert(key.text.clone());
                self.mistake(Mistake::new("document::wrong_value", key.place, why));
                None
            }
        }
    }

    pub(super) fn body_ix(&self) -> BodyIx {
        BodyIx(u32::try_from(self.bodies.len()).expect("a document of limited size has few bodies"))
    }

    fn document(&mut self, tree: &Tree, is_part: bool) -> Option<Checked> {
        self.types(tree);
        let rules_ty = self.rules(tree);
        self.everywhere = Scope::new().with(known("rules"), rules_ty).with(known("run"), run_ty());
        if !matches!(self.rules, Value::Null) {
            self.everywhere = self.everywhere.clone().with_constant(known("rules"), self.rules.clone());
        }
        if let Some(rules) = tree.get("rules") {
            origin::note(&mut self.everywhere, "rules", rules);
        }
        let gpu_table = tree.get("gpus").and_then(|table| gpus::read(self, table));
        // A part may ask the table of whatever includes it, and what asks a table that is wrong is not wrong for that.
        let may_ask = is_part || tree.get("gpus").is_some();
        let asked = gpu_table.as_ref().map(gpus::GpuTable::signature).or_else(|| may_ask.then(|| gpus::usual(self)));
        if let Some(asked) = asked {
            self.everywhere = self.everywhere.clone().with_function(asked);
        }
        for (key, value) in tree.get("limits").map(Tree::entries).unwrap_or_default() {
            // One that is written wrong is there all the same.
            let most = value.as_whole().and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0).unwrap_or(1);
            if let Some(name) = self.name(key) {
                self.limits.insert(name, most);
            }
        }
        let inputs = self.inputs(tree);

        // The main body is the first; its place is kept while the templates are checked.
        self.bodies.push(Body::empty(known("main")));
        self.templates(tree);
        let mut scope = self.everywhere.clone();
        if !inputs.is_empty() {
            scope.insert(
                known("inputs"),
                Ty::record(inputs.iter().map(|(name, input)| (name.clone(), input.ty.clone()))),
            );
        }
        if let Some(steps) = tree.get("steps") {
            let body = self.body(known("main"), steps, tree.get("gives"), IndexMap::new(), scope);
            self.bodies[0] = body;
        }
        unused::note_all(self, tree, gpu_table.as_ref());
        hosts::tell_of_lone_words(tree, &mut self.mistakes);

        let about = tree.get("about").and_then(Tree::as_text).map(ToString::to_string);
        let key = if is_part { "part" } else { "workflow" };
        let name = tree.get(key).and_then(Tree::as_text).and_then(|text| Name::parse(text).ok())?;
        if is_part {
            return Some(Checked::Part(name));
        }
        let gives_again = tree.get("gives").is_some_and(|gives| gives.key("again").is_some());
        let schedule = tree.get("schedule").and_then(|schedule| self.schedule(schedule, gives_again));
        Some(Checked::Workflow(Box::new(Workflow {
            name,
            about,
            rules: self.rules.clone(),
            inputs,
            gpus: gpu_table,
            limits: std::mem::take(&mut self.limits),
            schedule,
            bodies: std::mem::take(&mut self.bodies),
            written_at: written_at(tree),
        })))
    }

    /// Declares the types, those first that others hold.
    fn types(&mut self, tree: &Tree) {
        let entries = tree.get("types").map(Tree::entries).unwrap_or_default();
        let positions: HashMap<&str, usize> = entries.iter().enumerate().map(|(i, (key, _))| (&*key.text, i)).collect();
        let held = |ty: &Tree| -> Vec<usize> {
            let mut words = BTreeSet::new();
            types::mentioned(ty, &mut words);
            words.into_iter().filter_map(|word| positions.get(word).copied()).collect()
        };
        let edges = entries.iter().enumerate().flat_map(|(i, (_, ty))| held(ty).into_iter().map(move |held| (i, held)));
        let (order, cycles) = names::order(entries.len(), edges);
        for cycle in &cycles {
            let path: Vec<&str> = cycle.iter().map(|at| &*entries[*at].0.text).collect();
            let message = format!("types cannot hold themselves: {}", names::circle(&path));
            let mistake = Mistake::new("workflow::type_cycle", entries[cycle[0]].0.place, message);
            self.mistake(mistake.help("hold the key of the other, as a text"));
        }
        for at in cycles.into_iter().flatten() {
            self.types.know_of(&entries[at].0);
        }
        for at in order {
            let (key, ty) = &entries[at];
            if let Some(name) = self.name(key) {
                self.types.declare(name, key, ty, &mut self.mistakes);
            }
        }
    }

    /// Rules are plain values: they are the numbers that expressions are about.
    fn rules(&mut self, tree: &Tree) -> Ty {
        let Some(rules) = tree.get("rules") else {
            self.rules = Value::record::<&str>([]);
            return Ty::record([]);
        };
        let mut mistakes = Vec::new();
        let (value, ty) = given::read(rules, None, &Scope::new(), &mut mistakes);
        let computed = computed(rules);
        self.rules = value.known().filter(|_| computed.is_none()).unwrap_or(Value::Null);
        if let Some(place) = computed {
            // What the expression reads does not matter: there must be none.
            mistakes.retain(|mistake| !mistake.code.starts_with("rule::"));
            let mistake = Mistake::new("workflow::computed_rule", place, "rules are written out, not computed");
            mistakes.push(mistake.help("compute it in a `value` step, or where it is used"));
        }
        self.mistakes.append(&mut mistakes);
        match ty {
            // Nobody who reads them is to blame for what they should have been.
            _ if matches!(self.rules, Value::Null) => Ty::Never,
            Ty::Record(_) => ty,
            _ => Ty::record([]),
        }
    }

    fn inputs(&mut self, tree: &Tree) -> IndexMap<Name, Input> {
        let mut inputs = IndexMap::new();
        for (key, input) in tree.get("inputs").map(Tree::entries).unwrap_or_default() {
            let Some(name) = self.name(key) else { continue };
            let ty = input.get("type").map_or(Ty::Never, |ty| self.types.read(ty, &mut self.mistakes));
            let default = input
                .get("default")
                .and_then(|default| given::read(default, Some(&ty), &Scope::new(), &mut self.mistakes).0.known());
            let about = input.get("about").and_then(Tree::as_text).map(ToString::to_string);
            let from = input.get("from").and_then(Tree::as_text).cloned();
            // Whoever only looks at the file is not given what an address would say.
            let may_be_null = from.is_some() && matches!(ty, Ty::Optional(_));
            let default = default.or(may_be_null.then_some(Value::Null));
            inputs.insert(name, Input { ty, about, default, from });
        }
        inputs
    }

    /// Checks the templates, those first that others use.
    fn templates(&mut self, tree: &Tree) {
        let entries = tree.get("templates").map(Tree::entries).unwrap_or_default();
        self.written_templates = entries.iter().map(|(key, _)| key.text.clone()).collect();
        let positions: HashMap<&str, usize> = entries.iter().enumerate().map(|(i, (key, _))| (&*key.text, i)).collect();
        let uses = |template: &Tree| -> Vec<usize> {
            let steps = template.get("steps").map(Tree::entries).unwrap_or_default();
            let named = steps.iter().flat_map(|(_, step)| [step.get("use"), step.get("repeat")]).flatten();
            named.filter_map(Tree::as_text).filter_map(|name| positions.get(&**name).copied()).collect()
        };
        let edges: Vec<(usize, usize)> = entries
            .iter()
            .enumerate()
            .flat_map(|(i, (_, template))| uses(template).into_iter().map(move |used| (i, used)))
            .collect();
        let (order, cycles) = names::order(entries.len(), edges.iter().copied());
        for cycle in cycles {
            let path: Vec<&str> = cycle.iter().map(|at| &*entries[*at].0.text).collect();
            let message = format!("these templates use one another without end: {}", names::circle(&path));
            self.mistake(
                Mistake::new("workflow::template_cycle", entries[cycle[0]].0.place, message)
                    .help("use `repeat`, which has an end, to do something again"),
            );
        }
        let mut depths = vec![1usize; entries.len()];
        let mut sizes = vec![0usize; entries.len()];
        for at in order {
            let (key, template) = &entries[at];
            let of_it = edges.partition_point(|(user, _)| *user < at)..edges.partition_point(|(user, _)| *user <= at);
            let used = edges[of_it].iter().map(|(_, used)| *used);
            depths[at] = used.clone().map(|used| depths[used]).max().unwrap_or(0) + 1;
            sizes[at] = used.fold(own_steps(template), |sum, used| sum.saturating_add(sizes[used]));
            self.refuse_too_large(sizes[at], key);
            if depths[at] > TEMPLATE_DEPTH_MAX {
                let message =
                    format!("expected templates that use one another at most {TEMPLATE_DEPTH_MAX} deep, found more");
                let mistake = Mistake::new("workflow::too_deep", key.place, message);
                self.mistake(mistake.help("put the steps of some of them into those that use them"));
            }
            if let Some(name) = self.name(key) {
                self.written.within = Some(name.clone());
                self.template(name, key, template);
                self.written.within = None;
            }
        }
        if let Some(key) = tree.key("steps") {
            let size = uses(tree).iter().fold(own_steps(tree), |sum, used| sum.saturating_add(sizes[*used]));
            self.refuse_too_large(size, key);
        }
    }

    /// Templates that use others twice, and those others twice, would soon be steps without end.
    fn refuse_too_large(&mut self, size: usize, key: &document::Key) {
        if size > STEPS_MAX {
            let message =
                format!("these are more than {STEPS_MAX} steps, those of the templates that are used counted");
            self.mistake(Mistake::new("workflow::too_large", key.place, message).help("use `for_each` or `repeat`"));
        }
    }

    fn schedule(&mut self, tree: &Tree, gives_again: bool) -> Option<doc::Schedule> {
        let schedule: doc::Schedule = serde_json::from_value(tree.to_json()).ok()?;
        let wanted: &[&str] = match schedule.every {
            doc::Every::Week => &["on", "at", "window"],
            doc::Every::Day => &["at", "window"],
            doc::Every::Gap => &["gap"],
        };
        for key in ["on", "at", "window", "gap"] {
            let is_wanted = wanted.contains(&key);
            match tree.key(key) {
                Some(key) if !is_wanted => {
                    let message = format!(
                        "`{}` says nothing here: this schedule takes {}",
                        key.text,
                        near::list(wanted.iter().copied())
                    );
                    let help = format!("leave it out; where a base says it, take it away with `{}: null`", key.text);
                    self.mistake(Mistake::new("workflow::misplaced", key.place, message).help(help));
                }
                None if is_wanted && key != "window" => {
                    let place = tree.key("every").map_or(tree.place, |key| key.place);
                    let message = format!("this schedule lacks `{key}`");
                    self.mistake(Mistake::new("workflow::missing_field", place, message));
                }
                _ => {}
            }
        }
        if let Some(key) = tree.key("again").filter(|_| schedule.again.is_some() && !gives_again) {
            let message = "this workflow never gives `again`, so nothing is ever repeated".to_owned();
            let help = "give it, as in `gives: { again: \"${size(field.entrants) < 2}\" }`, or leave this out";
            self.mistake(Mistake::new("workflow::misplaced", key.place, message).help(help));
        }
        Some(schedule)
    }
}

/// The first value that is not written out.
fn computed(tree: &Tree) -> Option<Place> {
    let is_computed = |tree: &Tree| tree.as_text().is_some_and(|text| text.contains("${"));
    let mut waiting = vec![tree];
    while let Some(tree) = waiting.pop() {
        if is_computed(tree) {
            return Some(tree.place);
        }
        waiting.extend(tree.items().iter().rev());
        waiting.extend(tree.entries().iter().rev().map(|(_, value)| value));
    }
    None
}

/// The steps that a workflow or a template has itself.
fn own_steps(tree: &Tree) -> usize {
    tree.get("steps").map_or(0, |steps| steps.entries().len())
}

/// Where each rule stands, and each field of what is given.
fn written_at(tree: &Tree) -> BTreeMap<String, Place> {
    fn note(path: &str, tree: &Tree, found: &mut BTreeMap<String, Place>) {
        for (key, value) in tree.entries() {
            let path = format!("{path}.{}", key.text);
            note(&path, value, found);
            found.insert(path, key.place);
        }
    }
    let mut found = BTreeMap::new();
    for name in ["rules", "gives"] {
        tree.get(name).into_iter().for_each(|tree| note(name, tree, &mut found));
    }
    found
}

/// A name of the language itself.
pub(super) fn known(text: &str) -> Name {
    Name::parse(text).expect("the language's own names are good")
}

/// What every expression may ask of the run that it is evaluated in.
fn run_ty() -> Ty {
    Ty::named_record(known("run"), [(known("name"), Ty::Text), (known("started"), Ty::Time)])
}

/// The names that steps and items may not have, because the language has them.
pub(super) const TAKEN_NAMES: [&str; 5] = ["rules", "inputs", "run", "carry", "number"];
