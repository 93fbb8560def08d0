//! Evaluates checked code over an environment, within the limits on work and size.

use std::sync::Arc;

use super::{
    Env,
    code::{Code, Logic},
    failure::Failure,
    meter::Meter,
    read::{flag, list, record, text, whole},
};
use crate::base::{Name, Record, Value, limits::RULE_ITEMS_MAX};

/// The value of `code`, whose names are `names`, for no more work than `meter` has left.
pub(super) fn evaluate(code: &Code, names: &[Name], env: &dyn Env, meter: &mut Meter) -> Result<Value, Failure> {
    let mut run = Run { env, names, loaded: vec![None; names.len()], locals: Vec::new(), meter };
    let value = run.value(code)?;
    if !matches!(code, Code::Name(_) | Code::Field(..)) {
        let mut items = 0;
        measure(&value, &mut items, run.meter)?;
    }
    Ok(value)
}

/// Parts of a result may be shared, but whoever writes it down writes all of it.
fn measure(value: &Value, items: &mut usize, meter: &mut Meter) -> Result<(), Failure> {
    match value {
        Value::List(list) => {
            *items += list.len();
            if *items > RULE_ITEMS_MAX {
                return Err(Failure::TooLarge);
            }
            meter.steps(list.len() as u64)?;
            list.iter().try_for_each(|item| measure(item, items, meter))
        }
        Value::Record(record) => {
            meter.steps(record.len() as u64)?;
            record.iter().try_for_each(|(_, field)| measure(field, items, meter))
        }
        Value::Text(text) => meter.read(text.len()),
        _ => Ok(()),
    }
}

/// One evaluation.
pub(super) struct Run<'e> {
    env: &'e dyn Env,
    names: &'e [Name],
    /// Each name is asked for once, at its first use.
    loaded: Vec<Option<Value>>,
    /// What the macros around have bound.
    pub(super) locals: Vec<Value>,
    pub(super) meter: &'e mut Meter,
}

impl Run<'_> {
    pub(super) fn value(&mut self, code: &Code) -> Result<Value, Failure> {
        self.meter.steps(1)?;
        match code {
            Code::Constant(value) => Ok(value.clone()),
            Code::Name(_) | Code::Local(_) => self.place(code).cloned(),
            Code::Field(of, name) => match self.fields(of)? {
                Some(record) => Ok(record.get(name).cloned().unwrap_or(Value::Null)),
                None => Ok(Value::Null),
            },
            Code::HasField(of, name) => {
                let there = self.fields(of)?.and_then(|record| record.get(name).map(|value| *value != Value::Null));
                Ok(Value::Bool(there.unwrap_or(false)))
            }
            Code::HasKey(of, key) => {
                let there = self.fields(of)?.is_some_and(|record| record.get(key).is_some());
                Ok(Value::Bool(there))
            }
            Code::Key(of, key) => {
                let (map, key) = (self.value(of)?, self.value(key)?);
                let (map, key) = (record(&map)?, text(&key)?);
                self.meter.steps(map.len() as u64)?;
                map.get(key).cloned().ok_or_else(|| Failure::no_key(key))
            }
            Code::Index(of, index) => {
                let (items, index) = (self.value(of)?, self.value(index)?);
                let (items, index) = (list(&items)?, whole(&index)?);
                let found = usize::try_from(index).ok().and_then(|at| items.get(at));
                found.cloned().ok_or(Failure::NoElement { index, size: items.len() })
            }
            Code::List(items) => {
                self.meter.items(items.len())?;
                Ok(Value::List(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?))
            }
            Code::Record(fields) => {
                self.meter.items(fields.len())?;
                let fields = fields.iter().map(|(name, code)| Ok((name.clone(), self.value(code)?)));
                Ok(Value::Record(Arc::new(fields.collect::<Result<_, Failure>>()?)))
            }
            Code::Map(entries) => self.map(entries),
            Code::Not(of) => Ok(Value::Bool(!self.flag(of)?)),
            Code::Logic(logic) => self.logic(logic).map(Value::Bool),
            Code::Choose(parts) => {
                let (condition, chosen, otherwise) = &**parts;
                if self.flag(condition)? { self.value(chosen) } else { self.value(otherwise) }
            }
            Code::Default(parts) => match self.value(&parts.0)? {
                Value::Null => self.value(&parts.1),
                value => Ok(value),
            },
            Code::Two(apply, sides) => {
                let sides = [self.value(&sides[0])?, self.value(&sides[1])?];
                apply(self.meter, &sides)
            }
            Code::Call(apply, arguments) => {
                let arguments = self.values(arguments)?;
                apply(self.meter, &arguments)
            }
            Code::Host(name, arguments) => {
                let arguments = self.values(arguments)?;
                // The host may write them down, with all that they hold.
                arguments.iter().try_for_each(|argument| self.meter.weigh(argument))?;
                self.env.call(name.as_str(), &arguments)
            }
            Code::Walk(walk) => self.walk(walk),
        }
    }

    fn values(&mut self, codes: &[Code]) -> Result<Vec<Value>, Failure> {
        codes.iter().map(|code| self.value(code)).collect()
    }

    fn flag(&mut self, code: &Code) -> Result<bool, Failure> {
        flag(&self.value(code)?)
    }

    /// What a name or a local stands for, without a copy.
    fn place(&mut self, code: &Code) -> Result<&Value, Failure> {
        match code {
            Code::Name(slot) => {
                let loaded = &mut self.loaded[*slot];
                if loaded.is_none() {
                    let name = &self.names[*slot];
                    let value = self.env.value(name.as_str());
                    *loaded = Some(value.ok_or_else(|| Failure::NoValue { name: name.shared().clone() })?);
                }
                loaded.as_ref().ok_or_else(|| Failure::unfit("a value"))
            }
            Code::Local(depth) => self.locals.get(*depth).ok_or_else(|| Failure::unfit("a value")),
            _ => Err(Failure::unfit("a name")),
        }
    }

    /// The record whose field is wanted; nothing for null.
    fn fields(&mut self, code: &Code) -> Result<Option<Arc<Record>>, Failure> {
        let found = match code {
            Code::Name(_) | Code::Local(_) => match self.place(code)? {
                Value::Null => return Ok(None),
                value => record(value)?.clone(),
            },
            _ => match self.value(code)? {
                Value::Null => return Ok(None),
                value => record(&value)?.clone(),
            },
        };
        self.meter.steps(found.len() as u64 / 4)?;
        Ok(Some(found))
    }

    fn map(&mut self, entries: &[(Code, Code)]) -> Result<Value, Failure> {
        self.meter.items(entries.len())?;
        let mut made: Vec<(Arc<str>, Value)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = text(&self.value(key)?)?.clone();
            let value = self.value(value)?;
            if made.iter().any(|(other, _)| *other == key) {
                return Err(Failure::same_key(&key));
            }
            made.push((key, value));
        }
        Ok(Value::Record(Arc::new(made.into_iter().collect())))
    }

    fn logic(&mut self, logic: &Logic) -> Result<bool, Failure> {
        match self.flag(&logic.left) {
            Ok(left) if left == logic.decides => Ok(left),
            Ok(_) => self.flag(&logic.right),
            Err(Failure::TooMuchWork) => Err(Failure::TooMuchWork),
            // What the right side relies on to be present, the left side did not find to be null: it would have decided.
            Err(failure) => match self.flag(&logic.right) {
                Ok(right) if right == logic.decides => Ok(right),
                Err(Failure::TooMuchWork) => Err(Failure::TooMuchWork),
                _ => Err(failure),
            },
        }
    }
}
