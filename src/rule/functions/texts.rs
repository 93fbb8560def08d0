//! Functions of texts.

use std::sync::Arc;

use super::{Function, plain};
use crate::{
    base::{Ty, Value, limits::RULE_TEXT_MAX},
    rule::{
        failure::Failure,
        meter::Meter,
        read::{list, text},
        types::is_scalar,
    },
};

type Answer = Result<Value, Failure>;

pub(super) const FUNCTIONS: &[Function] = &[
    plain(
        "text",
        "text(x) -> text",
        "the value as it is printed",
        "text(3) + ' of ' + text(0.5) == '3 of 0.5' && text(tao('0.25 TAO')) == '0.25 TAO'",
        |call| {
            call.takes(1..=1)?;
            match call.ty(0) {
                Ty::Never => Ok((Ty::Text, print)),
                ty if is_scalar(ty) => Ok((Ty::Text, print)),
                _ => Err(call.wrong(0, "a text, a number, a bool, a time or an amount")),
            }
        },
    ),
    plain(
        "contains",
        "contains(text, part) -> bool",
        "whether the text has the part in it",
        "'llama-8b'.contains('ma-8')",
        |call| {
            call.takes(2..=2)?;
            call.text(0)?;
            call.text(1)?;
            Ok((Ty::Bool, contains))
        },
    ),
    plain(
        "startsWith",
        "startsWith(text, start) -> bool",
        "whether the text starts so",
        "'sha256:0a'.startsWith('sha256:')",
        |call| {
            call.takes(2..=2)?;
            call.text(0)?;
            call.text(1)?;
            Ok((Ty::Bool, starts_with))
        },
    ),
    plain(
        "endsWith",
        "endsWith(text, end) -> bool",
        "whether the text ends so",
        "'a.yaml'.endsWith('.yaml')",
        |call| {
            call.takes(2..=2)?;
            call.text(0)?;
            call.text(1)?;
            Ok((Ty::Bool, ends_with))
        },
    ),
    plain(
        "lowerAscii",
        "lowerAscii(text) -> text",
        "the text with the letters A to Z made small",
        "'QWEN-É'.lowerAscii() == 'qwen-É'",
        |call| {
            call.takes(1..=1)?;
            call.text(0)?;
            Ok((Ty::Text, lower_ascii))
        },
    ),
    plain(
        "split",
        "split(text, separator) -> [text]",
        "the parts between the separators; an empty separator gives the characters",
        "'a,b'.split(',') == ['a', 'b'] && 'ab'.split('') == ['a', 'b']",
        |call| {
            call.takes(2..=2)?;
            call.text(0)?;
            call.text(1)?;
            Ok((Ty::list(Ty::Text), split))
        },
    ),
    plain(
        "join",
        "join(list, separator) -> text",
        "the items as they are printed, with the separator between them; without one, nothing is between",
        "['a', 'b'].join(', ') == 'a, b' && [1, 2].join() == '12'",
        |call| {
            call.takes(1..=2)?;
            call.scalars(0)?;
            call.text(1)?;
            Ok((Ty::Text, join))
        },
    ),
];

/// Only scalars are printed, and of those only texts are long.
fn print(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let printed = match &arguments[0] {
        Value::Text(text) => return Ok(Value::Text(text.clone())),
        value => value.to_string(),
    };
    meter.text(printed.len())?;
    Ok(Value::text(printed))
}

fn pair<'v>(meter: &mut Meter, arguments: &'v [Value]) -> Result<(&'v Arc<str>, &'v Arc<str>), Failure> {
    let (a, b) = (text(&arguments[0])?, text(&arguments[1])?);
    meter.read(a.len() + b.len())?;
    Ok((a, b))
}
fn contains(meter: &mut Meter, arguments: &[Value]) -> Answer {
    pair(meter, arguments).map(|(text, part)| Value::Bool(text.contains(&**part)))
}
fn starts_with(meter: &mut Meter, arguments: &[Value]) -> Answer {
    pair(meter, arguments).map(|(text, start)| Value::Bool(text.starts_with(&**start)))
}
fn ends_with(meter: &mut Meter, arguments: &[Value]) -> Answer {
    pair(meter, arguments).map(|(text, end)| Value::Bool(text.ends_with(&**end)))
}
fn lower_ascii(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let text = text(&arguments[0])?;
    meter.text(text.len())?;
    Ok(Value::text(text.to_ascii_lowercase()))
}
fn split(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let (text, separator) = pair(meter, arguments)?;
    let mut parts = Vec::new();
    let mut keep = |part: &str| {
        meter.items(1)?;
        meter.text(part.len())?;
        parts.push(Value::text(part));
        Ok(())
    };
    if separator.is_empty() {
        let mut letter = [0; 4];
        text.chars().try_for_each(|c| keep(c.encode_utf8(&mut letter)))?;
    } else {
        text.split(&**separator).try_for_each(&mut keep)?;
    }
    Ok(Value::List(parts.into()))
}
fn join(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let separator = arguments.get(1).map(text).transpose()?.map_or("", |separator| &**separator);
    let mut joined = String::new();
    for (i, item) in list(&arguments[0])?.iter().enumerate() {
        let between = if i == 0 { "" } else { separator };
        let printed;
        let part = match item {
            Value::Text(text) => &**text,
            other => {
                printed = other.to_string();
                &printed
            }
        };
        meter.read(between.len() + part.len())?;
        if joined.len() + between.len() + part.len() > RULE_TEXT_MAX {
            return Err(Failure::TooLarge);
        }
        joined.push_str(between);
        joined.push_str(part);
    }
    Ok(Value::text(joined))
}
