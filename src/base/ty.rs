//! The types of the language: what a value may be, known before anything runs.

use std::{fmt, sync::Arc};

use indexmap::IndexMap;

use super::Name;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// Nothing has this type: the item of an empty list. It fits everywhere.
    Never,
    Null,
    Bool,
    /// A whole number, 64 bits with sign.
    Whole,
    /// A finite decimal number.
    Decimal,
    Text,
    /// One of a few fixed words.
    Choice(Arc<[Arc<str>]>),
    /// A length of time.
    Span,
    /// A moment.
    Time,
    /// Money.
    Tao,
    /// A number of bytes.
    Size,
    /// A request for GPUs.
    Gpus,
    List(Arc<Ty>),
    /// Values by free keys.
    Map(Arc<Ty>),
    Record(Arc<RecordTy>),
    /// The value, or null.
    Optional(Arc<Ty>),
}

/// A record's fields, and the name that messages call it by.
#[derive(Clone, Debug, Default)]
pub struct RecordTy {
    pub name: Option<Name>,
    pub fields: IndexMap<Name, Ty>,
}

/// Two records are the same type when their fields are, whatever they are called.
impl PartialEq for RecordTy {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}
impl Eq for RecordTy {}

impl Ty {
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }
    pub fn map(item: Self) -> Self {
        Self::Map(Arc::new(item))
    }
    pub fn optional(inner: Self) -> Self {
        match inner {
            Self::Optional(_) | Self::Null => inner,
            _ => Self::Optional(Arc::new(inner)),
        }
    }
    pub fn record(fields: impl IntoIterator<Item = (Name, Self)>) -> Self {
        Self::Record(Arc::new(RecordTy { name: None, fields: fields.into_iter().collect() }))
    }
    pub fn named_record(name: Name, fields: impl IntoIterator<Item = (Name, Self)>) -> Self {
        Self::Record(Arc::new(RecordTy { name: Some(name), fields: fields.into_iter().collect() }))
    }
    pub fn choice<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Choice(words.into_iter().map(Arc::from).collect())
    }

    /// Whether the type has more parts than that, those inside its parts counted.
    pub fn has_more_parts_than(&self, most: usize) -> bool {
        self.count(&mut { most })
    }

    /// Counts down, and tells whether it was too much.
    fn count(&self, left: &mut usize) -> bool {
        let Some(fewer) = left.checked_sub(1) else { return true };
        *left = fewer;
        match self {
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.count(left),
            Self::Record(record) => record.fields.values().any(|field| field.count(left)),
            _ => false,
        }
    }

    /// Whether every value of this type may stand where `wanted` is asked for.
    /// A whole number fits a decimal, a value fits an optional, a record with more fields fits one with fewer.
    pub fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Never, _) | (Self::Whole, Self::Decimal) | (Self::Choice(_), Self::Text) => true,
            (Self::Null, Self::Optional(_)) => true,
            (Self::Optional(a), Self::Optional(b)) => a.fits(b),
            (a, Self::Optional(b)) => a.fits(b),
            (Self::Choice(a), Self::Choice(b)) => a.iter().all(|word| b.contains(word)),
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.fits(b),
            (Self::Record(a), Self::Map(b)) => a.fields.values().all(|field| field.fits(b)),
            (Self::Record(a), Self::Record(b)) => b.fields.iter().all(|(name, wanted)| match a.fields.get(name) {
                Some(found) => found.fits(wanted),
                None => matches!(wanted, Self::Optional(_)),
            }),
            _ => self == wanted,
        }
    }

    /// The smallest type that both fit, if there is one.
    pub fn join(&self, other: &Self) -> Option<Self> {
        if self.fits(other) {
            return Some(other.clone());
        }
        if other.fits(self) {
            return Some(self.clone());
        }
        Some(match (self, other) {
            (Self::Null, some) | (some, Self::Null) => Self::optional(some.clone()),
            (Self::Optional(a), b) | (b, Self::Optional(a)) => Self::optional(a.join(b)?),
            (Self::Choice(a), Self::Choice(b)) => {
                Self::Choice(a.iter().chain(b.iter().filter(|word| !a.contains(word))).cloned().collect())
            }
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)?),
            (Self::Map(a), Self::Map(b)) => Self::map(a.join(b)?),
            (Self::Record(a), Self::Record(b)) => {
                let both = a.fields.iter().filter_map(|(name, ty)| Some((name.clone(), ty.join(b.fields.get(name)?)?)));
                let fields: IndexMap<Name, Self> = both.collect();
                if fields.is_empty() {
                    return None;
                }
                Self::Record(Arc::new(RecordTy { name: None, fields }))
            }
            _ => return None,
        })
    }
}

/// How messages and the manual spell the type; `takes:` and `inputs:` read the same spelling.
impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("nothing"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Whole => f.write_str("whole"),
            Self::Decimal => f.write_str("decimal"),
            Self::Text => f.write_str("text"),
            Self::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
                f.write_str(&words.join(" | "))
            }
            Self::Span => f.write_str("duration"),
            Self::Time => f.write_str("time"),
            Self::Tao => f.write_str("tao"),
            Self::Size => f.write_str("size"),
            Self::Gpus => f.write_str("gpus"),
            Self::List(item) => write!(f, "[{item}]"),
            Self::Map(item) => write!(f, "map[{item}]"),
            Self::Optional(inner) => match **inner {
                Self::Choice(_) => write!(f, "({inner})?"),
                _ => write!(f, "{inner}?"),
            },
            Self::Record(record) => match &record.name {
                Some(name) => write!(f, "{name}"),
                None => {
                    let fields: Vec<String> = record.fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                    write!(f, "{{{}}}", fields.join(", "))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, Ty)]) -> Ty {
        Ty::record(fields.iter().map(|(name, ty)| (Name::parse(name).unwrap(), ty.clone())))
    }

    #[test]
    fn fitting_and_joining() {
        let small = record(&[("id", Ty::Text)]);
        let large = record(&[("id", Ty::Text), ("loss", Ty::Decimal)]);
        assert!(large.fits(&small) && !small.fits(&large));
        assert!(Ty::list(Ty::Never).fits(&Ty::list(Ty::Gpus)));
        assert!(Ty::Whole.fits(&Ty::optional(Ty::Decimal)));
        assert!(!Ty::optional(Ty::Whole).fits(&Ty::Whole));
        assert!(small.fits(&record(&[("id", Ty::Text), ("note", Ty::optional(Ty::Text))])));
        assert_eq!(Ty::Whole.join(&Ty::Decimal), Some(Ty::Decimal));
        assert_eq!(Ty::Null.join(&Ty::Text), Some(Ty::optional(Ty::Text)));
        assert_eq!(large.join(&small), Some(small));
        assert_eq!(Ty::Bool.join(&Ty::Text), None);
        assert_eq!(Ty::optional(Ty::choice(["a", "b"])).to_string(), "('a' | 'b')?");
    }
}
