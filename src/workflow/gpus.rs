//! The GPU table: how many GPUs a piece of work needs, by the first row that holds.

use indexmap::IndexMap;

use super::{
    Given,
    check::{Checker, known},
    given,
};
use crate::{
    base::{Mistake, Name, Place, Ty, Value},
    document::{Node, Tree},
    rule::{Env, Failure, Rule, Signature},
};

/// A checked table. Its last row always holds.
#[derive(Clone, Debug)]
pub struct GpuTable {
    takes: IndexMap<Name, Ty>,
    size: Option<Rule>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    when: Option<Rule>,
    up_to: Option<Given>,
    need: Given,
}

impl GpuTable {
    /// The function that expressions call.
    pub(super) fn signature(&self) -> Signature {
        Signature {
            name: known("gpus"),
            takes: self.takes.iter().map(|(name, ty)| (name.clone(), ty.clone())).collect(),
            gives: Ty::Gpus,
        }
    }

    /// The first row that holds for these arguments. The environment knows `rules` and `run`.
    pub fn ask(&self, arguments: &[Value], around: &dyn Env) -> Result<Value, Failure> {
        let env = Arguments { names: &self.takes, values: arguments, around };
        let size = self.size.as_ref().map(|size| size.eval(&env)).transpose()?.and_then(|size| size.as_f64());
        for row in &self.rows {
            let holds = match &row.when {
                Some(when) => when.eval(&env)? == Value::Bool(true),
                None => true,
            };
            let small = match &row.up_to {
                Some(up_to) => up_to.eval(&env)?.as_f64() >= size,
                None => true,
            };
            if holds && small {
                return row.need.eval(&env);
            }
        }
        unreachable!("the last row of a checked table always holds")
    }

    /// What the rows compare.
    pub fn size(&self) -> Option<&Rule> {
        self.size.as_ref()
    }
    /// The rows in their order: when, up to what size, and what is needed.
    pub fn lines(&self) -> impl Iterator<Item = (Option<&Rule>, Option<&Given>, &Given)> {
        self.rows.iter().map(|row| (row.when.as_ref(), row.up_to.as_ref(), &row.need))
    }

    /// The paths that its expressions read, from a name in scope.
    pub fn reads(&self, see: &mut dyn FnMut(&[std::sync::Arc<str>])) {
        self.rules().for_each(|rule| rule.reads().iter().for_each(|path| see(path)));
        self.needs().for_each(|given| given.reads(see));
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.size.iter().chain(self.rows.iter().filter_map(|row| row.when.as_ref()))
    }
    pub(super) fn needs(&self) -> impl Iterator<Item = &Given> {
        self.rows.iter().flat_map(|row| row.up_to.iter().chain([&row.need]))
    }
}

/// The arguments of a call, in front of the names around it.
struct Arguments<'a> {
    names: &'a IndexMap<Name, Ty>,
    values: &'a [Value],
    around: &'a dyn Env,
}

impl Env for Arguments<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        match self.names.get_index_of(name) {
            Some(at) => self.values.get(at).cloned(),
            None => self.around.value(name),
        }
    }
    fn call(&self, function: &str, arguments: &[Value]) -> Result<Value, Failure> {
        self.around.call(function, arguments)
    }
}

/// The function of a table that says nothing of what it takes.
pub(super) fn usual(checker: &Checker) -> Signature {
    Signature { name: known("gpus"), takes: usually(checker).into_iter().collect(), gives: Ty::Gpus }
}

fn usually(checker: &Checker) -> IndexMap<Name, Ty> {
    checker.types.get("task").map(|task| (known("task"), task)).into_iter().collect()
}

pub(super) fn read(checker: &mut Checker, tree: &Tree) -> Option<GpuTable> {
    let takes = match tree.get("takes") {
        Some(takes) => checker.takes(takes),
        None => usually(checker),
    };
    let mut scope = checker.everywhere.clone();
    takes.iter().for_each(|(name, ty)| scope.insert(name.clone(), ty.clone()));
    let mistakes = &mut checker.mistakes;
    let size = tree.get("size").map(|size| given::read_rule(size, &Ty::Decimal, &scope, mistakes));
    let mut rows = Vec::new();
    // The last row that takes all up to some size, whatever else holds.
    let mut covered: Option<(Place, f64)> = None;
    let written = tree.get("rows").map(Tree::items).unwrap_or_default();
    for (i, row) in written.iter().enumerate() {
        let is_last = i + 1 == written.len();
        if let Some(key) = row.key("up_to").filter(|_| size.is_none()) {
            mistakes.push(Mistake::new(
                "workflow::misplaced",
                key.place,
                "`up_to` compares the table's `size`, which is not said",
            ));
        }
        let always = row.get("when").is_none() && row.get("up_to").is_none();
        if always != is_last {
            let (message, help) = if is_last {
                ("the last row must hold for everything", "write a last row with only `need`")
            } else {
                (
                    "this row always holds, so those below it never count",
                    "give it a `when` or an `up_to`, or move it to the end",
                )
            };
            mistakes.push(Mistake::new("workflow::gpu_rows", row.place, message).help(help));
        }
        let held = |tree: &Tree| match tree.node {
            Node::Whole(number) => Some(number as f64),
            Node::Decimal(number) => Some(number),
            _ => None,
        };
        if let Some((tree, up_to)) = row.get("up_to").and_then(|tree| Some((tree, held(tree)?))) {
            match covered {
                Some((before, most)) if up_to <= most => {
                    let message = format!("this row never counts: all up to {most} is taken by a row above");
                    let mistake = Mistake::new("workflow::gpu_rows", tree.place, message);
                    mistakes.push(mistake.related(before, "by this one").help("write the rows in rising order"));
                }
                _ if row.get("when").is_none() => covered = Some((tree.place, up_to)),
                _ => {}
            }
        }
        let when = row.get("when").map(|when| given::read_rule(when, &Ty::Bool, &scope, mistakes));
        let up_to = row.get("up_to").map(|up_to| given::read(up_to, Some(&Ty::Decimal), &scope, mistakes).0);
        let need = given::read(row.get("need")?, Some(&Ty::Gpus), &scope, mistakes).0;
        rows.push(Row { when: when.flatten(), up_to, need });
    }
    (!rows.is_empty()).then_some(GpuTable { takes, size: size.flatten(), rows })
}
