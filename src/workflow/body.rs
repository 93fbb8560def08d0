//! A body: steps that see one another, put in order, each checked after those that it mentions.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    Body, Does, Step, StepIx,
    check::{Checker, TAKEN_NAMES},
    given, names, step,
    types::bounded,
    unused::{self, Unread, visit},
};
use crate::{
    base::{Mistake, Name, Ty, limits::MISTAKES_SOUGHT_MAX, near},
    document::{Key, Tree, types::Modifiers},
    rule::Scope,
};

/// A step as it is written, as far as its place among the others goes.
struct Written<'a> {
    name: Name,
    key: &'a Key,
    tree: &'a Tree,
    /// Whether its name is that of something else.
    taken: bool,
}

/// A step as it is written.
pub(super) struct Draft<'a> {
    pub(super) name: Name,
    pub(super) key: &'a Key,
    pub(super) tree: &'a Tree,
    /// All steps of the body.
    pub(super) beside: &'a Tree,
    pub(super) modifiers: Modifiers,
}

impl Body {
    pub(super) fn empty(name: Name) -> Self {
        Self {
            name,
            about: None,
            takes: IndexMap::new(),
            sees_around: false,
            steps: Vec::new(),
            places: BTreeMap::new(),
            gives: Vec::new(),
            gives_ty: Ty::record([]),
        }
    }
}

impl Checker {
    /// Checks the steps of a body in a scope that holds what the body sees from the start.
    pub(super) fn body(
        &mut self,
        name: Name,
        steps: &Tree,
        gives: Option<&Tree>,
        takes: IndexMap<Name, Ty>,
        mut scope: Scope,
    ) -> Body {
        let drafts = self.written(steps, &scope);
        let (order, in_circles) = self.order(&drafts);
        // Steps that wait for one another are told of once, and are names all the same.
        for at in in_circles {
            scope.insert(drafts[at].name.clone(), Ty::Never);
        }
        let mut checked: Vec<Step> = Vec::with_capacity(drafts.len());
        let mut places: BTreeMap<Name, StepIx> = BTreeMap::new();
        let mut named_needs: Vec<Vec<Name>> = Vec::with_capacity(drafts.len());
        for at in order {
            let Written { name, key, tree, taken } = &drafts[at];
            // There may be many steps, and what is read of one here is large: it goes before the next one comes.
            let draft = Draft { name: name.clone(), key, tree, beside: steps, modifiers: step::modifiers(tree) };
            let mut step = step::read(self, &draft, &scope);
            if *taken {
                continue;
            }
            if let Some(step) = &mut step {
                step.ty = bounded(std::mem::replace(&mut step.ty, Ty::Never), draft.key.place, &mut self.mistakes);
            }
            scope.insert(name.clone(), step.as_ref().map_or(Ty::Never, |step| step.ty.clone()));
            if let Some(step) = step {
                places.insert(name.clone(), StepIx(u32::try_from(checked.len()).unwrap_or(u32::MAX)));
                named_needs.push(draft.modifiers.needs);
                checked.push(step);
            }
        }

        let gives: Vec<_> = gives
            .map(Tree::entries)
            .unwrap_or_default()
            .iter()
            .filter_map(|(key, tree)| {
                let (given, ty) = given::read(tree, None, &scope, &mut self.mistakes);
                Some((self.name(key)?, given, ty))
            })
            .collect();
        let gives_ty = Ty::record(gives.iter().map(|(name, _, ty)| (name.clone(), ty.clone())));
        let gives_ty = match steps.entries().first() {
            Some((key, _)) => bounded(gives_ty, key.place, &mut self.mistakes),
            None => gives_ty,
        };
        let gives: Vec<_> = gives.into_iter().map(|(name, given, _)| (name, given)).collect();

        let mut all_read = BTreeSet::new();
        for (_, given) in &gives {
            given.reads(&mut |path| all_read.extend(places.get(&*path[0]).copied()));
        }
        for (step, named) in checked.iter_mut().zip(named_needs) {
            let mut needs: BTreeSet<StepIx> = BTreeSet::new();
            roots(step, &self.bodies, &mut |root| needs.extend(places.get(root).copied()));
            all_read.extend(needs.iter().copied());
            needs.extend(named.iter().filter_map(|need| places.get(need)));
            step.needs = needs.into_iter().collect();
        }
        for at in all_read {
            checked[at.0 as usize].read = true;
        }
        for draft in &drafts {
            if !places.get(&draft.name).is_some_and(|at| checked[at.0 as usize].read) {
                self.unread.push(Unread::key(unused::What::Step, draft.key));
            }
        }
        Body { name, about: None, takes, sees_around: false, steps: checked, places, gives, gives_ty }
    }

    fn written<'a>(&mut self, steps: &'a Tree, scope: &Scope) -> Vec<Written<'a>> {
        let mut written = Vec::with_capacity(steps.entries().len());
        for (key, tree) in steps.entries() {
            let Some(name) = self.name(key) else { continue };
            let taken = self.refuse_taken(&name, key, scope);
            written.push(Written { name, key, tree, taken });
        }
        written
    }

    /// One name, one thing: a step may not hide what it could see.
    pub(super) fn refuse_taken(&mut self, name: &Name, key: &Key, scope: &Scope) -> bool {
        let taken = TAKEN_NAMES.contains(&name.as_str()) || scope.get(name.as_str()).is_some();
        if taken {
            self.tell_taken(key);
        }
        taken
    }

    fn tell_taken(&mut self, key: &Key) {
        let message = format!("`{}` is the name of something else here", key.text);
        self.mistake(Mistake::new("workflow::name_taken", key.place, message).help("choose another name"));
    }

    /// The order in which the steps are checked, and those that wait for one another; cycles and unknown `needs` are
    /// mistakes.
    fn order(&mut self, drafts: &[Written<'_>]) -> (Vec<usize>, Vec<usize>) {
        let position: BTreeMap<&str, usize> =
            drafts.iter().enumerate().map(|(i, draft)| (draft.name.as_str(), i)).collect();
        let mut edges = Vec::new();
        for (i, draft) in drafts.iter().enumerate() {
            let mut mentioned = BTreeSet::new();
            names::mentioned(draft.tree, &mut mentioned);
            // Inside of it that is the item, whatever else has the name.
            let each = draft.tree.get("for_each").map(Tree::entries).unwrap_or_default();
            for (key, _) in each {
                mentioned.remove(&*key.text);
                if position.contains_key(&*key.text) {
                    self.tell_taken(key);
                }
            }
            edges.extend(
                mentioned
                    .iter()
                    .filter_map(|name| position.get(name))
                    .filter(|at| !drafts[**at].taken)
                    .map(|at| (i, *at)),
            );
            let written = draft.tree.get("needs").map(Tree::items).unwrap_or_default();
            for need in written.iter().filter_map(|need| need.as_text().map(|text| (need, text))) {
                match position.get(&**need.1) {
                    Some(at) => edges.push((i, *at)),
                    None if self.mistakes.len() >= MISTAKES_SOUGHT_MAX => {}
                    None => {
                        let help = near::did_you_mean(need.1, drafts.iter().map(|draft| draft.name.as_str()));
                        let message = format!("there is no step `{}` here", need.1);
                        self.mistake(Mistake::new("workflow::unknown_need", need.0.place, message).maybe_help(help));
                    }
                }
            }
        }
        let (order, cycles) = names::order(drafts.len(), edges);
        let in_circles = cycles.concat();
        for cycle in cycles {
            let path: Vec<&str> = cycle.iter().map(|at| drafts[*at].name.as_str()).collect();
            let message = format!("these steps wait for one another: {}", names::circle(&path));
            let mut mistake = Mistake::new("workflow::cycle", drafts[cycle[0]].key.place, message)
                .help("a step cannot need what needs it; `repeat` hands results to the next time");
            for at in cycle[1..].iter().take(names::CIRCLE_SHOWN) {
                mistake = mistake.related(drafts[*at].key.place, "also in the circle");
            }
            self.mistake(mistake);
        }
        (order, in_circles)
    }
}

/// The names in scope that a step reads, those that its own body reads of the names around it included.
pub(super) fn roots(step: &Step, bodies: &[Body], see: &mut dyn FnMut(&str)) {
    let (mut givens, mut rules) = (Vec::new(), Vec::new());
    visit(step, &mut |given| givens.push(given), &mut |rule| rules.push(rule));
    for given in givens {
        given.reads(&mut |path| see(&path[0]));
    }
    for path in rules.iter().flat_map(|rule| rule.reads()) {
        see(&path[0]);
    }
    if let Does::Each(each) = &step.does {
        for inner in &bodies[each.body.0 as usize].steps {
            roots(inner, bodies, see);
        }
    }
}
