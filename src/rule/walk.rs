//! Evaluates the macros: what is done with every item of a list.

use std::{cmp::Ordering, sync::Arc};

use super::{
    code::{Code, How, Walk},
    eval::Run,
    failure::Failure,
    order::{order, weighed},
    read::{flag, list, record},
};
use crate::base::Value;

impl Run<'_> {
    pub(super) fn walk(&mut self, walk: &Walk) -> Result<Value, Failure> {
        let walked = self.value(&walk.list)?;
        let items: Arc<[Value]> = if walk.keys {
            let map = record(&walked)?;
            self.meter.items(map.len())?;
            map.iter().map(|(key, _)| Value::Text(key.clone())).collect()
        } else {
            list(&walked)?.clone()
        };
        match walk.how {
            How::Map => {
                let mut made = Vec::new();
                for item in items.iter() {
                    let only = walk.only.as_ref().map_or(Ok(true), |only| self.holds(walk, only, item))?;
                    if only {
                        self.meter.items(1)?;
                        made.push(self.with(walk, &walk.body, item)?);
                    }
                }
                Ok(Value::List(made.into()))
            }
            How::Filter => {
                let mut kept = Vec::new();
                for item in items.iter() {
                    if self.holds(walk, &walk.body, item)? {
                        self.meter.items(1)?;
                        kept.push(item.clone());
                    }
                }
                Ok(Value::List(kept.into()))
            }
            How::All => self.decide(walk, &items, false),
            How::Exists => self.decide(walk, &items, true),
            How::ExistsOne => self.count(walk, &items).map(|count| Value::Bool(count == 1)),
            How::Count => self.count(walk, &items).map(Value::Whole),
            How::SortBy | How::SortByDescending => {
                let keys = self.keys(walk, &items)?;
                self.sorted(&items, &keys, walk.how == How::SortByDescending)
            }
            How::MinBy | How::MaxBy => self.extreme(walk, &items),
        }
    }

    fn with(&mut self, walk: &Walk, code: &Code, item: &Value) -> Result<Value, Failure> {
        self.locals.truncate(walk.local);
        self.locals.push(item.clone());
        let value = self.value(code);
        self.locals.truncate(walk.local);
        value
    }

    fn holds(&mut self, walk: &Walk, code: &Code, item: &Value) -> Result<bool, Failure> {
        flag(&self.with(walk, code, item)?)
    }

    /// `all` and `exists` are chains of `&&` and `||`, so an item that decides excuses a failure of the others.
    fn decide(&mut self, walk: &Walk, items: &[Value], decides: bool) -> Result<Value, Failure> {
        let mut failed = None;
        for item in items {
            match self.holds(walk, &walk.body, item) {
                Ok(held) if held == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(Failure::TooMuchWork) => return Err(Failure::TooMuchWork),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn count(&mut self, walk: &Walk, items: &[Value]) -> Result<i64, Failure> {
        let mut count = 0;
        for item in items {
            count += i64::from(self.holds(walk, &walk.body, item)?);
        }
        Ok(count)
    }

    fn keys(&mut self, walk: &Walk, items: &[Value]) -> Result<Vec<Value>, Failure> {
        self.meter.items(items.len())?;
        items.iter().map(|item| self.with(walk, &walk.body, item)).collect()
    }

    /// Stable: items with equal keys keep their order, in either direction.
    fn sorted(&mut self, items: &[Value], keys: &[Value], descending: bool) -> Result<Value, Failure> {
        self.meter.items(items.len())?;
        self.meter.sort_values(keys)?;
        let mut places: Vec<usize> = (0..items.len()).collect();
        places.sort_by(|&a, &b| {
            let found = order(&keys[a], &keys[b]);
            if descending { found.reverse() } else { found }
        });
        Ok(Value::list(places.iter().map(|&at| items[at].clone())))
    }

    /// The first of the items whose key no other undercuts or exceeds.
    fn extreme(&mut self, walk: &Walk, items: &[Value]) -> Result<Value, Failure> {
        let (function, wanted) = match walk.how {
            How::MinBy => ("min_by", Ordering::Less),
            _ => ("max_by", Ordering::Greater),
        };
        let keys = self.keys(walk, items)?;
        let mut best = 0;
        for at in 1..items.len() {
            if weighed(self.meter, &keys[at], &keys[best])? == wanted {
                best = at;
            }
        }
        items.get(best).cloned().ok_or_else(|| Failure::empty(function))
    }
}
