//! Values of the language, and how they are read from and written as JSON.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value as Json;

use super::{GpuRequest, Rao, RecordTy, Size, Span, Ty};

/// A value. Cloning is cheap: what is large is shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Whole(i64),
    /// Always finite.
    Decimal(f64),
    Text(Arc<str>),
    Span(Span),
    Time(Timestamp),
    Tao(Rao),
    Size(Size),
    Gpus(GpuRequest),
    List(Arc<[Value]>),
    /// A record or a map.
    Record(Arc<Record>),
}

/// Named values in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(Vec<(Arc<str>, Value)>);

impl Record {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| &**field == name).map(|(_, value)| value)
    }
    pub fn iter(&self) -> impl Iterator<Item = &(Arc<str>, Value)> {
        self.0.iter()
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
impl FromIterator<(Arc<str>, Value)> for Record {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Value {
    /// Whether it may stand where the type is declared.
    pub fn is(&self, ty: &Ty) -> bool {
        match (self, ty) {
            (Self::Null, Ty::Null | Ty::Optional(_)) => true,
            (value, Ty::Optional(inner)) => value.is(inner),
            (Self::Bool(_), Ty::Bool)
            | (Self::Whole(_), Ty::Whole | Ty::Decimal)
            | (Self::Text(_), Ty::Text)
            | (Self::Span(_), Ty::Span)
            | (Self::Time(_), Ty::Time)
            | (Self::Tao(_), Ty::Tao)
            | (Self::Size(_), Ty::Size)
            | (Self::Gpus(_), Ty::Gpus) => true,
            (Self::Decimal(number), Ty::Decimal) => number.is_finite(),
            (Self::Text(text), Ty::Choice(words)) => words.contains(text),
            (Self::List(items), Ty::List(item)) => items.iter().all(|value| value.is(item)),
            (Self::Record(record), Ty::Map(item)) => record.iter().all(|(_, value)| value.is(item)),
            (Self::Record(record), Ty::Record(ty)) => {
                ty.fields.iter().all(|(name, ty)| record.get(name.as_str()).unwrap_or(&Self::Null).is(ty))
            }
            _ => false,
        }
    }
    /// The same without the fields that the type does not speak of.
    #[must_use]
    pub fn shaped(self, ty: &Ty) -> Self {
        if self.has_more_than(ty) { self.cut(ty) } else { self }
    }
    fn has_more_than(&self, ty: &Ty) -> bool {
        match (self, ty) {
            (value, Ty::Optional(inner)) => value.has_more_than(inner),
            (Self::List(items), Ty::List(item)) => items.iter().any(|value| value.has_more_than(item)),
            (Self::Record(record), Ty::Map(item)) => record.iter().any(|(_, value)| value.has_more_than(item)),
            (Self::Record(record), Ty::Record(ty)) => {
                record.iter().any(|(name, value)| ty.fields.get(&**name).is_none_or(|field| value.has_more_than(field)))
            }
            _ => false,
        }
    }
    fn cut(&self, ty: &Ty) -> Self {
        match (self, ty) {
            (value, Ty::Optional(inner)) => value.cut(inner),
            (Self::List(items), Ty::List(item)) => Self::list(items.iter().map(|value| value.cut(item))),
            (Self::Record(record), Ty::Map(item)) => {
                Self::record(record.iter().map(|(name, value)| (name.clone(), value.cut(item))))
            }
            (Self::Record(record), Ty::Record(ty)) => Self::record(record.iter().filter_map(|(name, value)| {
                let field = ty.fields.get(&**name)?;
                Some((name.clone(), value.cut(field)))
            })),
            (value, _) => value.clone(),
        }
    }
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }
    pub fn record<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Record(Arc::new(fields.into_iter().map(|(name, value)| (name.into(), value)).collect()))
    }
    /// A decimal, unless it is not a number or infinite.
    pub fn decimal(number: f64) -> Option<Self> {
        // There is one zero.
        number.is_finite().then_some(Self::Decimal(number + 0.0))
    }
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Decimal(number) => Some(*number),
            Self::Whole(number) => Some(*number as f64),
            _ => None,
        }
    }
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Record(record) => record.get(name),
            _ => None,
        }
    }

    /// Reads a value of a known type. What is wrong is told with the path to it.
    pub fn from_json(json: &Json, ty: &Ty) -> Result<Self, String> {
        Reading { path: String::new(), unknown_fields_are_wrong: true }.read(json, ty)
    }

    /// Reads what was recorded as a value that fits the type. Fields that the type does not speak of are left out.
    pub fn recorded(json: &Json, ty: &Ty) -> Result<Self, String> {
        Reading { path: String::new(), unknown_fields_are_wrong: false }.read(json, ty)
    }

    /// Reads a value whose type nobody declared: texts stay texts.
    pub fn untyped(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Whole(whole),
                None => number.as_f64().and_then(Self::decimal).unwrap_or(Self::Null),
            },
            Json::String(text) => Self::text(text.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::untyped)),
            Json::Object(fields) => {
                Self::record(fields.iter().map(|(name, value)| (name.as_str(), Self::untyped(value))))
            }
        }
    }

    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("a value has text keys and finite numbers")
    }
}

/// Where in a JSON value the reader is.
struct Reading {
    path: String,
    unknown_fields_are_wrong: bool,
}

impl Reading {
    fn read(&mut self, json: &Json, ty: &Ty) -> Result<Value, String> {
        Ok(match (ty, json) {
            (Ty::Optional(_) | Ty::Null | Ty::Never, Json::Null) => Value::Null,
            (Ty::Optional(inner), _) => self.read(json, inner)?,
            (Ty::Bool, Json::Bool(value)) => Value::Bool(*value),
            (Ty::Whole, Json::Number(number)) => Value::Whole(number.as_i64().ok_or_else(|| self.wrong(json, ty))?),
            (Ty::Decimal, Json::Number(number)) => match number.as_i64() {
                Some(whole) => Value::Whole(whole),
                None => number.as_f64().and_then(Value::decimal).ok_or_else(|| self.wrong(json, ty))?,
            },
            (Ty::Text, Json::String(text)) => Value::text(text.as_str()),
            (Ty::Choice(words), Json::String(text)) if words.iter().any(|word| **word == **text) => {
                Value::text(text.as_str())
            }
            (Ty::Span, Json::String(text)) => Value::Span(Span::parse(text).map_err(|why| self.told(&why))?),
            (Ty::Tao, Json::String(text)) => Value::Tao(Rao::parse(text).map_err(|why| self.told(&why))?),
            (Ty::Size, Json::String(text)) => Value::Size(Size::parse(text).map_err(|why| self.told(&why))?),
            (Ty::Gpus, Json::String(text)) => Value::Gpus(GpuRequest::parse(text).map_err(|why| self.told(&why))?),
            (Ty::Time, Json::String(text)) => Value::Time(text.parse().map_err(|_| self.wrong(json, ty))?),
            (Ty::List(item), Json::Array(items)) => {
                let items = items.iter().enumerate();
                let items = items.map(|(i, json)| self.step(&format!("[{i}]"), |inside| inside.read(json, item)));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            (Ty::Map(item), Json::Object(fields)) => {
                let fields = fields.iter().map(|(name, json)| {
                    let value = self.step(&format!(".{name}"), |inside| inside.read(json, item))?;
                    Ok((Arc::from(name.as_str()), value))
                });
                Value::Record(Arc::new(fields.collect::<Result<_, String>>()?))
            }
            (Ty::Record(record), Json::Object(fields)) => self.record(fields, record, ty)?,
            _ => return Err(self.wrong(json, ty)),
        })
    }

    fn record(&mut self, fields: &serde_json::Map<String, Json>, record: &RecordTy, ty: &Ty) -> Result<Value, String> {
        let mut unknown = fields.keys().filter(|name| !record.fields.contains_key(name.as_str()));
        if let Some(unknown) = unknown.next().filter(|_| self.unknown_fields_are_wrong) {
            let help = super::near::did_you_mean(unknown, record.fields.keys().map(super::Name::as_str));
            return Err(self.told(&format!("{ty} has no field `{unknown}`; {}", help.unwrap_or_default())));
        }
        let fields = record.fields.iter().map(|(name, ty)| {
            let json = fields.get(name.as_str()).unwrap_or(&Json::Null);
            if json.is_null() && !matches!(ty, Ty::Optional(_) | Ty::Null | Ty::Never) {
                return Err(self.told(&format!("the field `{name}` is missing")));
            }
            let value = self.step(&format!(".{name}"), |inside| inside.read(json, ty))?;
            Ok((name.shared().clone(), value))
        });
        Ok(Value::Record(Arc::new(fields.collect::<Result<_, _>>()?)))
    }

    /// Reads something inside, with the path one step longer.
    fn step<T>(&mut self, part: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        self.path.push_str(if before == 0 { part.trim_start_matches('.') } else { part });
        let result = inner(self);
        self.path.truncate(before);
        result
    }

    fn wrong(&self, json: &Json, ty: &Ty) -> String {
        self.told(&format!("expected {ty}, found {}", brief(json)))
    }

    fn told(&self, why: &str) -> String {
        if self.path.is_empty() { why.into() } else { format!("{}: {why}", self.path) }
    }
}

/// A few words on what a JSON value is, for messages.
fn brief(json: &Json) -> String {
    match json {
        Json::Null => "nothing".into(),
        Json::Bool(value) => format!("`{value}`"),
        Json::Number(number) => format!("`{number}`"),
        Json::String(text) if text.chars().count() <= 60 => format!("text `{text}`"),
        Json::String(text) => format!("text of {} characters", text.chars().count()),
        Json::Array(items) => format!("a list of {}", items.len()),
        Json::Object(_) => "a mapping".into(),
    }
}

/// As it stands inside a longer text: `${fee} each`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Span(span) => write!(f, "{span}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Tao(amount) => write!(f, "{amount}"),
            Self::Size(size) => write!(f, "{size}"),
            Self::Gpus(request) => write!(f, "{request}"),
            Self::List(_) | Self::Record(_) => f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Whole(number) => serializer.serialize_i64(*number),
            Self::Decimal(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Span(_) | Self::Time(_) | Self::Tao(_) | Self::Size(_) | Self::Gpus(_) => {
                serializer.collect_str(self)
            }
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Record(record) => {
                let mut map = serializer.serialize_map(Some(record.len()))?;
                for (name, value) in record.iter() {
                    map.serialize_entry(&**name, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::Name;

    #[test]
    fn typed_reading_tells_where_it_failed() {
        let name = |text| Name::parse(text).unwrap();
        let entrant =
            Ty::named_record(name("entrant"), [(name("hotkey"), Ty::Text), (name("fee"), Ty::optional(Ty::Tao))]);
        let list = Ty::list(entrant);
        let good = json!([{"hotkey": "a", "fee": "0.25 TAO"}, {"hotkey": "b"}]);
        let value = Value::from_json(&good, &list).unwrap();
        assert_eq!(value.to_json(), json!([{"hotkey": "a", "fee": "0.25 TAO"}, {"hotkey": "b", "fee": null}]));
        for (wrong, why) in [
            (json!([{"hotkey": 3}]), "[0].hotkey: expected text, found `3`"),
            (json!([{"hotkey": "a", "fe": 1}]), "[0]: entrant has no field `fe`; did you mean `fee`?"),
            (json!([{}]), "[0]: the field `hotkey` is missing"),
            (json!(5), "expected [entrant], found `5`"),
        ] {
            assert_eq!(Value::from_json(&wrong, &list).unwrap_err(), why);
        }
    }
}
