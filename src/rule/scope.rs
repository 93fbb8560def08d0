//! What an expression may name: values with their types, and functions of the host.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::base::{Name, Ty};

/// The names that an expression may use. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    names: IndexMap<Name, Ty>,
    functions: IndexMap<Name, Signature>,
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
    pub fn with(mut self, name: Name, ty: Ty) -> Self {
        self.insert(name, ty);
        self
    }
    pub fn insert(&mut self, name: Name, ty: Ty) {
        Arc::make_mut(&mut self.0).names.insert(name, ty);
    }
    pub fn with_function(mut self, function: Signature) -> Self {
        Arc::make_mut(&mut self.0).functions.insert(function.name.clone(), function);
        self
    }
    pub fn get(&self, name: &str) -> Option<&Ty> {
        self.0.names.get(name)
    }
    pub fn names(&self) -> impl Iterator<Item = &Name> + Clone {
        self.0.names.keys()
    }

    /// The name as it is shared, and its type.
    pub(super) fn entry(&self, name: &str) -> Option<(&Name, &Ty)> {
        self.0.names.get_key_value(name)
    }
    pub(super) fn function(&self, name: &str) -> Option<&Signature> {
        self.0.functions.get(name)
    }
    pub(super) fn functions(&self) -> impl Iterator<Item = &Signature> + Clone {
        self.0.functions.values()
    }
}
