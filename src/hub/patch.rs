//! Writes the base model into what trainers leave: they know it only as a path of their container.

use std::{fs, io::Read};

use bytes::Bytes;
use serde_json::Value;

use super::{
    folder::{Content, Local},
    trouble::{Trouble, plain},
};

/// Bytes of a file that is written anew in memory.
const PATCHED_MAX: u64 = 1 << 20;

/// Puts the base model into `adapter_config.json` and `README.md`. The folder itself is left as it is. A model card is made
/// where there is none, if that is the place of one.
pub(super) fn patch(files: &mut Vec<Local>, base_model: &str, is_root: bool) -> Result<(), Trouble> {
    let mut has_card = false;
    for file in files.iter_mut() {
        let patched = match file.path.as_str() {
            "adapter_config.json" => adapter(&text(file)?, base_model, &file.path)?,
            "README.md" => {
                has_card = true;
                card(&text(file)?, base_model)
            }
            _ => continue,
        };
        file.size = patched.len() as u64;
        file.content = Content::Memory(Bytes::from(patched));
    }
    if is_root && !has_card {
        let made = Bytes::from(card("", base_model));
        files.push(Local { path: "README.md".to_owned(), size: made.len() as u64, content: Content::Memory(made) });
        files.sort_by(|a, b| a.path.cmp(&b.path));
    }
    Ok(())
}

fn text(file: &Local) -> Result<String, Trouble> {
    let Content::Disk(path) = &file.content else { return Ok(String::new()) };
    if file.size > PATCHED_MAX {
        let message = format!("expected at most {PATCHED_MAX} bytes in `{}`, found {}", path.display(), file.size);
        return Err(Trouble::bad(message, "make it smaller"));
    }
    let mut bytes = Vec::new();
    let opened: fs::File = Content::open(path, file.size)?;
    opened.take(PATCHED_MAX).read_to_end(&mut bytes).map_err(|error| Trouble::disk("read", path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn adapter(text: &str, base_model: &str, path: &str) -> Result<String, Trouble> {
    let wrong = |found: String| {
        Trouble::bad(
            format!("expected the settings of an adapter in `{path}`, found {found}"),
            "save it as `peft` does",
        )
    };
    let mut config: Value = serde_json::from_str(text).map_err(|error| wrong(format!("no JSON: {error}")))?;
    let Some(fields) = config.as_object_mut() else { return Err(wrong(plain(text, 40))) };
    fields.insert("base_model_name_or_path".to_owned(), base_model.into());
    Ok(format!("{config:#}\n"))
}

/// The card with `base_model` in its head, which is YAML between two lines of `---`.
fn card(text: &str, base_model: &str) -> String {
    let named = format!("base_model: {}", scalar(base_model));
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = body.split_inclusive('\n');
    let is_edge = |line: &str| line.trim_end() == "---";
    if !lines.next().is_some_and(is_edge) || !lines.clone().any(is_edge) {
        return format!("---\n{named}\n---\n{}{body}", if body.is_empty() { "" } else { "\n" });
    }
    let mut head = format!("---\n{named}\n");
    let mut in_old = false;
    for line in lines.by_ref().take_while(|line| !is_edge(line)) {
        // The old value may be a list, whose items need not be indented.
        in_old = line.starts_with("base_model:") || (in_old && line.starts_with([' ', '-', '\t']));
        if in_old {
            continue;
        }
        match tag(line) {
            Some((before, relation)) => {
                let tag = scalar(&format!("base_model:{relation}:{base_model}"));
                head.push_str(&format!("{before}{tag}\n"));
            }
            None => head.push_str(line),
        }
    }
    format!("{head}---\n{}", lines.collect::<String>())
}

/// `- base_model:adapter:/some/path`, as `peft` writes among the tags.
fn tag(line: &str) -> Option<(&str, &str)> {
    let at = line.find("base_model:")?;
    let (before, tag) = line.split_at(at);
    let relation = tag.strip_prefix("base_model:")?.split_once(':')?.0;
    let is_item = before.trim() == "-" && relation.chars().all(|c| c.is_ascii_alphanumeric());
    is_item.then_some((before, relation))
}

/// A text as YAML: plain where it cannot be read as anything else.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte))
        && text.contains('/')
        && !text.ends_with(':');
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_name_the_base_model() {
        for (card_before, expected) in [
            ("", "---\nbase_model: o/m\n---\n"),
            ("# Mine\n", "---\nbase_model: o/m\n---\n\n# Mine\n"),
            ("---\nlicense: mit\n---\nText", "---\nbase_model: o/m\nlicense: mit\n---\nText"),
            (
                "---\nbase_model: /cache/models/x\ntags:\n- base_model:adapter:/cache/models/x\n- lora\n---\n# A\nbase_model: kept\n",
                "---\nbase_model: o/m\ntags:\n- base_model:adapter:o/m\n- lora\n---\n# A\nbase_model: kept\n",
            ),
            (
                "---\nbase_model:\n- a/b\n  - c\nlibrary_name: peft\n---\n",
                "---\nbase_model: o/m\nlibrary_name: peft\n---\n",
            ),
            ("---\nno end", "---\nbase_model: o/m\n---\n\n---\nno end"),
        ] {
            assert_eq!(card(card_before, "o/m"), expected, "{card_before:?}");
            assert_eq!(card(expected, "o/m"), expected, "twice is once");
        }
        assert_eq!(card("", "a: b\nc"), "---\nbase_model: \"a: b\\nc\"\n---\n");
        assert_eq!(card("", "null"), "---\nbase_model: \"null\"\n---\n");
    }

    #[test]
    fn adapters_name_the_base_model() {
        let patched = adapter(r#"{"r": 8, "base_model_name_or_path": "/cache/x"}"#, "o/m", "a").unwrap();
        assert_eq!(patched, "{\n  \"r\": 8,\n  \"base_model_name_or_path\": \"o/m\"\n}\n");
        for wrong in ["", "[]", "{"] {
            assert!(adapter(wrong, "o/m", "a").is_err(), "{wrong}");
        }
    }
}
