//! What an expression may name: values with their types, and functions of the host.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexMap;

use crate::base::{Name, Place, Ty, Value};

/// The names that an expression may use. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    /// What is seen beyond these: names that are not here are sought there.
    around: Option<Scope>,
    names: IndexMap<Name, Ty>,
    functions: IndexMap<Name, Signature>,
    /// Names whose value is known when the file is read.
    constants: IndexMap<Name, Value>,
    origins: HashMap<String, Origin>,
}

/// Where a value that expressions read is written, and what is written there.
#[derive(Clone, Debug)]
pub struct Origin {
    pub place: Place,
    /// In the words of a message: "text `50%`".
    pub written: String,
    /// The text, if it is one.
    pub text: Option<Arc<str>>,
    /// Nothing at all is written there, not even `null`.
    pub is_blank: bool,
}

/// A function that the host evaluates through `Env::call`, such as `gpus(task)`.
/// Functions of the language win over host functions of the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub name: Name,
    pub takes: Vec<(Name, Ty)>,
    pub gives: Ty,
}

impl Scope {
    pub fn new() -> Self {
        Self::default()
    }
    /// A scope of its own that sees this one.
    pub fn inside(&self) -> Self {
        Self(Arc::new(Inner { around: Some(self.clone()), ..Inner::default() }))
    }
    pub fn with(mut self, name: Name, ty: Ty) -> Self {
        self.insert(name, ty);
        self
    }
    pub fn insert(&mut self, name: Name, ty: Ty) {
        Arc::make_mut(&mut self.0).names.insert(name, ty);
    }
    /// Says what a name's value always is.
    pub fn with_constant(mut self, name: Name, value: Value) -> Self {
        Arc::make_mut(&mut self.0).constants.insert(name, value);
        self
    }
    /// What the value of a name always is, where that is known.
    pub fn constant(&self, name: &str) -> Option<&Value> {
        let layer = self.layers().find(|inner| inner.names.contains_key(name))?;
        layer.constants.get(name)
    }
    pub fn with_function(mut self, function: Signature) -> Self {
        Arc::make_mut(&mut self.0).functions.insert(function.name.clone(), function);
        self
    }
    /// Says where the value at a path such as `rules.fee` is written.
    pub fn insert_origin(&mut self, path: String, origin: Origin) {
        Arc::make_mut(&mut self.0).origins.insert(path, origin);
    }
    /// Where the value at exactly this path is written.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        self.layers().find_map(|inner| inner.origins.get(path))
    }
    /// The written values that a piece of an expression reads, each once and by its longest known path.
    pub fn origins<'s>(&'s self, piece: &str) -> Vec<(&'s str, &'s Origin)> {
        let mut found: Vec<(&str, &Origin)> = Vec::new();
        let is_part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        for path in piece.split(|c| !is_part_of_path(c)) {
            let prefixes = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(before, _)| before));
            let known = |path: &str| self.layers().find_map(|inner| inner.origins.get_key_value(path));
            if let Some((path, origin)) = prefixes.map(known).find_map(|known| known)
                && found.iter().all(|(before, _)| *before != path)
            {
                found.push((path, origin));
            }
        }
        found
    }
    pub fn get(&self, name: &str) -> Option<&Ty> {
        self.entry(name).map(|(_, ty)| ty)
    }
    pub fn names(&self) -> impl Iterator<Item = &Name> + Clone {
        self.layers().flat_map(|inner| inner.names.keys())
    }

    /// The name as it is shared, and its type.
    pub(super) fn entry(&self, name: &str) -> Option<(&Name, &Ty)> {
        self.layers().find_map(|inner| inner.names.get_key_value(name))
    }
    pub(super) fn function(&self, name: &str) -> Option<&Signature> {
        self.layers().find_map(|inner| inner.functions.get(name))
    }
    pub(super) fn functions(&self) -> impl Iterator<Item = &Signature> + Clone {
        self.layers().flat_map(|inner| inner.functions.values())
    }

    /// From the innermost out.
    fn layers(&self) -> impl Iterator<Item = &Inner> + Clone {
        std::iter::successors(Some(&*self.0), |inner| inner.around.as_ref().map(|around| &*around.0))
    }
}
