//! How the scalar values appear in a JSON Schema: text with an `x-type` that says how the text is read.

/// Describes a scalar type in JSON Schema: its `x-type`, a sentence, and the pattern that its text has.
macro_rules! scalar {
    ($type:ty, $word:literal, $about:literal, $pattern:literal) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $word.into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "x-type": $word, "description": $about, "pattern": $pattern })
            }
        }
    };
}
pub(crate) use scalar;

use super::{GpuKind, GpuRequest, Name, Rao, Size, Span};

scalar!(Name, "name", "A name: lower-case letters, digits and `_`.", "^[a-z][a-z0-9_]*$");
scalar!(
    Span,
    "duration",
    "A length of time such as `90s`, `20m`, `1h30m` or `3d`.",
    "^([0-9]+(\\.[0-9]+)?(w|d|h|m|s|ms))+$"
);
scalar!(Rao, "tao", "An amount such as `0.25 TAO` or `250000000 RAO`.", "^[0-9]+(\\.[0-9]{1,9})? (TAO|RAO)$");
scalar!(Size, "size", "A size such as `16GiB`, `110GB` or `512MiB`.", "^[0-9]+ ?([KMGT]i?)?B$");
scalar!(GpuKind, "gpu_kind", "A kind of GPU such as `H100`.", "^[A-Z][A-Z0-9_-]*$");
scalar!(
    GpuRequest,
    "gpus",
    "GPUs such as `2xH100`, or `1xH100|H200` where either will do.",
    "^[1-9][0-9]*x[A-Z][A-Z0-9_|-]*$"
);

/// Texts and amounts that not every value of their type may be: what a field of an action says of itself with
/// `schema_with`.
macro_rules! narrow {
    ($name:ident, $kind:tt, $word:literal, $pattern:literal) => {
        pub fn $name(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            schemars::json_schema!({ "type": $kind, "x-type": $word, "pattern": $pattern })
        }
    };
}

narrow!(commit, "string", "commit", "^[0-9a-fA-F]{40}$");
narrow!(repository, "string", "repository", "^[^ ]+/[^ ]+$");
narrow!(image, "string", "image", "^[^ ]+$");
narrow!(variable, "string", "variable", "^[A-Za-z_][A-Za-z0-9_]*$");
/// How long something may take: longer than nothing. It may be computed.
pub fn time_limit(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["string", "null"],
        "x-type": "some_duration",
        "x-given": true,
        "pattern": "^[0-9.wdhms]*[1-9][0-9.wdhms]*$",
    })
}
narrow!(some_memory, ["string", "null"], "some_size", "^[0-9]*[1-9][0-9]* ?([KMGT]i?)?B$");

/// Checks a text against the scalar type of that `x-type`; nothing if there is no such type.
pub fn read_scalar(word: &str, text: &str) -> Option<Result<(), String>> {
    Some(match word {
        "name" => Name::parse(text).map(drop),
        "duration" => Span::parse(text).map(drop),
        "tao" => Rao::parse(text).map(drop),
        "size" => Size::parse(text).map(drop),
        "commit" if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(()),
        "commit" => Err(format!("expected a commit, which is 40 hexadecimal digits and no branch, found `{text}`")),
        "repository" if is_word(text) && text.split('/').filter(|part| !part.is_empty()).count() > 1 => Ok(()),
        "repository" => Err(format!(
            "expected a repository such as `https://github.com/owner/name`, or `owner/name`, found `{text}`"
        )),
        "image" if is_word(text) => Ok(()),
        "image" => Err(format!("expected an image such as `example/judge:1`, found `{text}`")),
        "variable" if is_variable(text) => Ok(()),
        "variable" => Err(format!(
            "expected the name of an environment variable such as `GOD_FLOW_WEB_HOOK`, and never what it holds, found {}",
            if is_word(text) && !text.contains('/') { format!("`{text}`") } else { "something else".into() }
        )),
        "some_size" => match Size::parse(text) {
            Ok(size) if size.0 == 0 => Err(format!("expected a size above nothing, found `{text}`")),
            read => read.map(drop),
        },
        "some_duration" => match Span::parse(text) {
            Ok(Span::ZERO) => Err(format!("expected a length of time above nothing, found `{text}`")),
            read => read.map(drop),
        },
        "gpu_kind" => GpuKind::parse(text).map(drop),
        "gpus" => GpuRequest::parse(text).map(drop),
        "time" => text
            .parse::<jiff::Timestamp>()
            .map(drop)
            .map_err(|_| format!("expected a time such as `2026-07-06T14:00:00Z`, found `{text}`")),
        _ => return None,
    })
}

fn is_variable(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
    rest.len() < text.len() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text is there and has no white space in it.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
