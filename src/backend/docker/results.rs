//! JSON as programs in containers write it: Python's bare `NaN` and `Infinity` are nothing, and no field is there twice.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value as Json};

/// Words that Python writes where a number is none.
const NO_NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

pub(super) fn read(text: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice::<Once>(&without_nan(text)).map(|once| once.0)
}

/// The text with `null` for each bare word that is no number; what stands in strings stays.
fn without_nan(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let (mut at, mut in_string) = (0, false);
    while at < text.len() {
        let word = NO_NUMBERS.iter().find(|word| !in_string && text[at..].starts_with(word));
        let taken = match (word, text[at]) {
            (Some(word), _) => {
                plain.extend_from_slice(b"null");
                at += word.len();
                continue;
            }
            (None, b'\\') if in_string => 2,
            (None, b'"') => {
                in_string = !in_string;
                1
            }
            (None, _) => 1,
        };
        let end = (at + taken).min(text.len());
        plain.extend_from_slice(&text[at..end]);
        at = end;
    }
    plain
}

/// A value in which no field is there twice.
struct Once(Json);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(value)) = all.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some((name, Once(value))) = all.next_entry::<String, Once>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_python_writes_is_read() {
        for (text, expected) in [
            (r#"{"a": NaN, "b": [Infinity, -Infinity, -1.5e3]}"#, Ok(r#"{"a":null,"b":[null,null,-1500.0]}"#)),
            (r#"{"NaN": "NaN", "b": "\\", "c": "a\"NaN"}"#, Ok(r#"{"NaN":"NaN","b":"\\","c":"a\"NaN"}"#)),
            (r#"{"a": {"b": 1, "b": 1}}"#, Err("`b` is there twice")),
            (r#"{"a": NaNs}"#, Err("expected")),
            (r#""\"#, Err("EOF")),
        ] {
            match (read(text.as_bytes()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
                (Err(found), Err(words)) => assert!(found.to_string().contains(words), "{found}"),
                (found, expected) => panic!("{found:?} and not {expected:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_json_already_is_read_as_it_is(text in ".*", number: i64, float: f64) {
            let value = serde_json::json!({ "a": text, "b": [number, float, null, true], "c": { text.clone(): {} } });
            prop_assert_eq!(read(value.to_string().as_bytes()).unwrap(), value);
        }
    }
}
