//! Values that a world file makes up where the catalogue knows nothing of them: declared outputs, inputs of a run.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{
    chance,
    file::{Around, Made},
};
use crate::base::{Record, Ty, Value, seed::Stream};

/// What made-up values are made of, beside what the world says.
pub(super) struct Maker<'m> {
    pub(super) stream: Stream,
    /// The skill of whoever it is about.
    pub(super) skill: f64,
    /// What the names around it stand for.
    pub(super) around: &'m dyn Fn(&str) -> Option<Value>,
}

impl Maker<'_> {
    /// A value of that type as the world says; what does not fit the type stays as usual.
    pub(super) fn make(&mut self, made: &Made, ty: &Ty, usual: &Value) -> Value {
        let inner = match ty {
            Ty::Optional(inner) => inner,
            other => other,
        };
        match (made, inner, usual) {
            (Made::Fields(fields), Ty::Record(record), Value::Record(values)) => {
                let mut value = |(name, usual): &(Arc<str>, Value)| {
                    let says = fields.iter().find(|(field, _)| field.as_str() == &**name);
                    let ty = record.fields.iter().find(|(field, _)| field.as_str() == &**name);
                    let made = says.zip(ty).map(|((_, made), (_, ty))| self.make(made, ty, usual));
                    (name.clone(), made.unwrap_or_else(|| usual.clone()))
                };
                Value::Record(Arc::new(values.iter().map(&mut value).collect::<Record>()))
            }
            _ => Value::from_json(&self.json_of(made, inner), ty).unwrap_or_else(|_| usual.clone()),
        }
    }

    fn json_of(&mut self, made: &Made, ty: &Ty) -> Json {
        let number = match made {
            Made::Truth(truth) => return json!(truth),
            Made::Text(text) => return json!(text),
            Made::Same(same) => return self.same_as(&same.same_as).unwrap_or_default(),
            Made::Fields(_) => return Json::Null,
            Made::Number(number) => *number,
            Made::Between(between) => chance::between(&mut self.stream, between.from, between.to),
            Made::Around(Around { usual, varies, skill }) => {
                usual * chance::factor(&mut self.stream, *varies) * chance::exp(skill * self.skill)
            }
        };
        if *ty == Ty::Whole { json!(number.round() as i64) } else { json!(number) }
    }

    fn same_as(&self, path: &str) -> Option<Json> {
        let (name, fields) = path.split_once('.').unwrap_or((path, ""));
        let fields = fields.split('.').filter(|field| !field.is_empty());
        let found = fields.fold((self.around)(name), |value, field| value?.field(field).cloned());
        found.map(|value| value.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Name, Seed};

    #[test]
    fn what_fits_the_type_is_made_as_the_world_says() {
        let made: Made = serde_json::from_value(json!({
            "n": {"from": 3.0, "to": 3.0}, "speed": {"usual": 10.0, "skill": 1.0}, "hash": {"same_as": "entrant.hash"},
            "good": true, "word": 7, "strange": 1,
        }))
        .unwrap();
        let name = |text| Name::parse(text).unwrap();
        let ty = Ty::record([
            (name("n"), Ty::Whole),
            (name("speed"), Ty::optional(Ty::Decimal)),
            (name("hash"), Ty::Text),
            (name("good"), Ty::Bool),
            (name("word"), Ty::Text),
            (name("other"), Ty::Text),
        ]);
        let usual = json!({"n": 1, "speed": 1.0, "hash": "", "good": false, "word": "usual", "other": "usual"});
        let around = |text: &str| (text == "entrant").then(|| Value::record([("hash", Value::text("abc"))]));
        let mut maker = Maker { stream: Seed(1).stream("made"), skill: 0.0, around: &around };
        let value = maker.make(&made, &ty, &Value::from_json(&usual, &ty).unwrap());
        let expected = json!({"n": 3, "speed": 10.0, "hash": "abc", "good": true, "word": "usual", "other": "usual"});
        assert_eq!(value.to_json(), expected);
    }
}
