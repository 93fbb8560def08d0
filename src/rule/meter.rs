//! Counts the work of one evaluation, so that no expression can take long or fill the memory.

use super::failure::Failure;
use crate::base::{
    Value,
    limits::{RULE_ITEMS_MAX, RULE_TEXT_MAX, RULE_WORK_MAX},
};

/// The work that is left.
pub(super) struct Meter {
    left: u64,
}

/// What an item that is kept costs, in steps: it bounds the memory that the allowed steps can fill.
const KEPT_ITEM: u64 = 4;
/// Bytes of text that cost one step.
const BYTES_PER_STEP: usize = 8;

impl Meter {
    pub(super) fn new() -> Self {
        Self::of(RULE_WORK_MAX)
    }
    /// For no more than so many steps.
    pub(super) fn of(steps: u64) -> Self {
        Self { left: steps }
    }

    #[inline]
    pub(super) fn steps(&mut self, steps: u64) -> Result<(), Failure> {
        self.left = self.left.checked_sub(steps).ok_or(Failure::TooMuchWork)?;
        Ok(())
    }

    /// Before a list or a record of so many items is made.
    pub(super) fn items(&mut self, items: usize) -> Result<(), Failure> {
        if items > RULE_ITEMS_MAX {
            return Err(Failure::TooLarge);
        }
        self.steps(items as u64 * KEPT_ITEM)
    }

    /// Before a text of so many bytes is made.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), Failure> {
        if bytes > RULE_TEXT_MAX {
            return Err(Failure::TooLarge);
        }
        self.read(bytes)
    }

    /// Before so many bytes of text are looked at.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Failure> {
        self.steps((bytes / BYTES_PER_STEP) as u64 + 1)
    }

    /// Before a value is compared: all that it holds, as often as it holds it.
    pub(super) fn weigh(&mut self, value: &Value) -> Result<(), Failure> {
        match value {
            Value::Text(text) => self.read(text.len()),
            Value::List(items) => {
                self.steps(1)?;
                items.iter().try_for_each(|item| self.weigh(item))
            }
            Value::Record(record) => {
                self.sort(record.len())?;
                record.iter().try_for_each(|(name, field)| {
                    self.read(name.len())?;
                    self.weigh(field)
                })
            }
            _ => self.steps(1),
        }
    }

    /// Before so many items are sorted, beside the weight of each.
    pub(super) fn sort(&mut self, items: usize) -> Result<(), Failure> {
        self.steps(items as u64 * Self::rounds(items))
    }

    /// Before these values are sorted: in each round of a sort every value is compared about once.
    pub(super) fn sort_values(&mut self, values: &[Value]) -> Result<(), Failure> {
        let before = self.left;
        values.iter().try_for_each(|value| self.weigh(value))?;
        let weight = before - self.left;
        self.steps(weight.saturating_mul(Self::rounds(values.len())))
    }

    fn rounds(items: usize) -> u64 {
        u64::from(items.max(2).ilog2() + 1)
    }
}
