//! The types of the language: what a value may be, known before anything runs.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use indexmap::IndexMap;

use super::{Name, near};

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
    /// An author wrote the fields one by one where the value is made: one that nobody asks for is a slip of the pen.
    pub written: bool,
}

/// Two records are the same type when their fields are, whatever they are called.
impl PartialEq for RecordTy {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}
impl Eq for RecordTy {}

impl RecordTy {
    /// A field that the other does not have, and that was written out for it or looks like one that is left out here.
    fn strange_to(&self, other: &Self) -> Option<&Name> {
        let more = |name: &&Name| !other.fields.contains_key(*name);
        let left_out = || other.fields.keys().filter(|name| !self.fields.contains_key(*name)).map(Name::as_str);
        let is_slip = |name: &&Name| near::nearest(name.as_str(), left_out()).is_some();
        self.fields.keys().filter(more).find(|name| self.written || is_slip(name))
    }
}

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
        // Very many steps give nothing, and share this.
        static EMPTY: LazyLock<Arc<RecordTy>> = LazyLock::new(Arc::default);
        let fields: IndexMap<_, _> = fields.into_iter().collect();
        if fields.is_empty() {
            return Self::Record(EMPTY.clone());
        }
        Self::Record(Arc::new(RecordTy { fields, ..RecordTy::default() }))
    }
    pub fn named_record(name: Name, fields: impl IntoIterator<Item = (Name, Self)>) -> Self {
        let fields = fields.into_iter().collect();
        Self::Record(Arc::new(RecordTy { name: Some(name), fields, ..RecordTy::default() }))
    }
    /// The type of a record that an author writes out field by field.
    pub fn written_record(fields: impl IntoIterator<Item = (Name, Self)>) -> Self {
        let fields = fields.into_iter().collect();
        Self::Record(Arc::new(RecordTy { fields, written: true, ..RecordTy::default() }))
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
    /// A whole number fits a decimal, a value fits an optional, a record with more fields fits one with fewer unless
    /// somebody wrote these fields out for it.
    pub fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Never, _) | (Self::Whole, Self::Decimal) | (Self::Choice(_), Self::Text) => true,
            (Self::Null, Self::Optional(_)) => true,
            (Self::Optional(a), Self::Optional(b)) => a.fits(b),
            (a, Self::Optional(b)) => a.fits(b),
            (Self::Choice(a), Self::Choice(b)) => a.iter().all(|word| b.contains(word)),
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.fits(b),
            (Self::Record(a), Self::Map(b)) => a.fields.values().all(|field| field.fits(b)),
            (Self::Record(a), Self::Record(b)) => {
                a.strange_to(b).is_none()
                    && b.fields.iter().all(|(name, wanted)| match a.fields.get(name) {
                        Some(found) => found.fits(wanted),
                        None => matches!(wanted, Self::Optional(_)),
                    })
            }
            _ => self == wanted,
        }
    }

    /// Whether a part of the type could not be read, so that nobody knows what would fit it.
    pub fn is_unclear(&self) -> bool {
        match self {
            Self::Never => true,
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.is_unclear(),
            Self::Record(record) => record.fields.values().any(Self::is_unclear),
            _ => false,
        }
    }

    /// What inside of a type keeps it from standing where `wanted` is asked for; nothing where it is the whole of it.
    pub fn why_not(&self, wanted: &Self) -> Option<String> {
        let mut path = String::new();
        let (mut found, mut wanted) = (self, wanted);
        loop {
            (found, wanted) = match (found, wanted) {
                (Self::Optional(a), Self::Optional(b))
                | (Self::List(a), Self::List(b))
                | (Self::Map(a), Self::Map(b)) => (&**a, &**b),
                (a, Self::Optional(b)) => (a, &**b),
                (Self::Record(a), Self::Record(b)) => {
                    if let Some(strange) = a.strange_to(b) {
                        let help = near::did_you_mean(strange.as_str(), b.fields.keys().map(Name::as_str));
                        let help = help.map_or_else(String::new, |help| format!("; {help}"));
                        return Some(format!("there is no field `{path}{strange}`{help}"));
                    }
                    let (name, inner) = b.fields.iter().find(|(name, wanted)| match a.fields.get(*name) {
                        Some(found) => !found.fits(wanted),
                        None => !matches!(wanted, Self::Optional(_)),
                    })?;
                    let Some(field) = a.fields.get(name) else {
                        return Some(format!("the field `{path}{name}` is missing"));
                    };
                    path = format!("{path}{name}.");
                    (field, inner)
                }
                (Self::Choice(words), Self::Choice(wanted)) => {
                    let strange = words.iter().find(|word| !wanted.contains(word))?;
                    let help = near::did_you_mean(strange, wanted.iter().map(|word| &**word))?;
                    let field = path.trim_end_matches('.');
                    return Some(if path.is_empty() {
                        help
                    } else {
                        format!("its `{field}` may be '{strange}'; {help}")
                    });
                }
                _ if path.is_empty() => return None,
                (found, wanted) => {
                    let field = path.trim_end_matches('.');
                    return Some(format!("its `{field}` is {found}, and {wanted} is wanted there"));
                }
            }
        }
    }

    /// What keeps two types from having one in common, where that is a field that somebody wrote out for the other.
    pub fn why_apart(&self, other: &Self) -> Option<String> {
        fn is_written(ty: &Ty) -> bool {
            match ty {
                Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => is_written(inner),
                Ty::Record(record) => record.written,
                _ => false,
            }
        }
        let (written, other) = if is_written(self) { (self, other) } else { (other, self) };
        is_written(written).then(|| written.why_not(other)).flatten()
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
            (Self::Record(a), Self::Record(b)) if a.written && b.written => {
                let all = a.fields.keys().chain(b.fields.keys().filter(|name| !a.fields.contains_key(*name)));
                let fields = all.map(|name| {
                    let ty = match (a.fields.get(name), b.fields.get(name)) {
                        (Some(a), Some(b)) => a.join(b)?,
                        (one, other) => Self::optional(one.or(other)?.clone()),
                    };
                    Some((name.clone(), ty))
                });
                Self::written_record(fields.collect::<Option<Vec<_>>>()?)
            }
            // What somebody wrote out for the other and that it does not have would be lost.
            (Self::Record(a), Self::Record(b)) if a.written && a.strange_to(b).is_some() => return None,
            (Self::Record(a), Self::Record(b)) if b.written && b.strange_to(a).is_some() => return None,
            (Self::Record(a), Self::Record(b)) => {
                let both = a.fields.iter().filter_map(|(name, ty)| Some((name.clone(), ty.join(b.fields.get(name)?)?)));
                let fields: IndexMap<Name, Self> = both.collect();
                if fields.is_empty() {
                    return None;
                }
                Self::record(fields)
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
        assert_eq!(large.join(&small).as_ref(), Some(&small));
        assert_eq!(Ty::Bool.join(&Ty::Text), None);
        let written = |fields: &[(&str, Ty)]| match record(fields) {
            Ty::Record(record) => Ty::written_record(record.fields.clone()),
            other => other,
        };
        let slip = written(&[("id", Ty::Text), ("los", Ty::Decimal)]);
        assert!(!slip.fits(&small) && written(&[("id", Ty::Text)]).fits(&small));
        assert_eq!(slip.why_not(&large).as_deref(), Some("there is no field `los`; did you mean `loss`?"));
        let joined = slip.join(&written(&[("id", Ty::Text), ("loss", Ty::Whole)])).unwrap();
        assert_eq!(joined.to_string(), "{id: text, los: decimal?, loss: whole?}");
        let better = |word: &str| Ty::list(record(&[("better", Ty::choice(["lower", word]))]));
        let told = better("higer").why_not(&better("higher"));
        assert_eq!(told.as_deref(), Some("its `better` may be 'higer'; did you mean `higher`?"));
        assert!(Ty::list(record(&[("better", Ty::optional(Ty::Never))])).is_unclear() && !better("x").is_unclear());
        assert!(!joined.fits(&large));
        let noted = record(&[("id", Ty::Text), ("note", Ty::optional(Ty::Text))]);
        let slip = written(&[("id", Ty::Text), ("nte", Ty::Text)]);
        assert_eq!(slip.join(&noted), None, "what is written would be lost");
        let told = Ty::list(noted.clone()).why_apart(&Ty::list(slip));
        assert_eq!(told.as_deref(), Some("there is no field `nte`; did you mean `note`?"));
        // Nobody wrote these out for it, and still one looks like the other.
        assert!(!record(&[("id", Ty::Text), ("nte", Ty::Text)]).fits(&noted) && large.fits(&noted));
        assert_eq!(Ty::optional(Ty::choice(["a", "b"])).to_string(), "('a' | 'b')?");
    }
}
