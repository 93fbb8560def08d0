//! Made-up values of a type, for plans of what has not happened yet.

use std::sync::Arc;

use jiff::Timestamp;

use crate::base::{GpuRequest, Rao, Seed, Size, Span, Ty, Value, seed::Stream};

/// A plausible value: everything went well, numbers vary with the seed.
pub fn sample(ty: &Ty, seed: Seed, purpose: &str) -> Value {
    one(ty, purpose, &mut seed.stream(purpose))
}

fn one(ty: &Ty, purpose: &str, stream: &mut Stream) -> Value {
    match ty {
        Ty::Never | Ty::Null => Value::Null,
        Ty::Bool => Value::Bool(true),
        Ty::Whole => Value::Whole(1),
        Ty::Decimal => Value::Decimal(0.5 + stream.unit()),
        Ty::Text => Value::text(purpose),
        Ty::Choice(words) => words.first().map_or(Value::Null, |word| Value::Text(word.clone())),
        Ty::Span => Value::Span(Span::from_secs(3_600)),
        Ty::Time => Value::Time(Timestamp::UNIX_EPOCH),
        Ty::Tao => Value::Tao(Rao(0)),
        Ty::Size => Value::Size(Size(1 << 30)),
        Ty::Gpus => GpuRequest::parse("1xH100").map_or(Value::Null, Value::Gpus),
        Ty::List(item) => {
            let items = (1..=2).map(|i| one(item, &format!("{purpose}.{i}"), stream));
            Value::List(items.collect::<Vec<_>>().into())
        }
        Ty::Map(_) => Value::Record(Arc::default()),
        Ty::Record(record) => {
            let fields = record.fields.iter().map(|(name, ty)| {
                // What tells of a failure is absent where all went well.
                let absent = matches!(name.as_str(), "reason" | "blame" | "cause") && matches!(ty, Ty::Optional(_));
                let value = match (name.as_str(), ty) {
                    _ if absent => Value::Null,
                    // Whoever reads a commit may ask whether it is one.
                    ("commit", Ty::Text) => Value::text(format!("{:040x}", stream.next_u64())),
                    ("commit", Ty::Optional(inner)) if **inner == Ty::Text => {
                        Value::text(format!("{:040x}", stream.next_u64()))
                    }
                    // Whoever counts games reads a letter for each.
                    ("outcomes", Ty::Text) => Value::text("WLD"),
                    _ => one(ty, &format!("{purpose}.{name}"), stream),
                };
                (name.shared().clone(), value)
            });
            Value::Record(Arc::new(fields.collect()))
        }
        Ty::Optional(inner) => one(inner, purpose, stream),
    }
}

/// A made-up item of an input's list, numbered so that lists of any length have different items.
pub(super) fn numbered(ty: &Ty, seed: Seed, name: &str, number: usize) -> Value {
    sample(ty, seed, &format!("{name}-{number:05}"))
}
