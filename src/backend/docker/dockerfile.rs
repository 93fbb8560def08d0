//! Which images a Dockerfile takes from. Those that were built here are other entrants', and nobody's to take from.
//!
//! Their names cannot be guessed, but every image answers to the beginning of its digest too.

use std::collections::HashMap;

/// What the names of all images begin with that are built here.
pub(super) const OURS: &str = "god-flow/";

/// Says why a Dockerfile is not built.
pub(super) fn look_through(text: &str, given: &HashMap<String, String>) -> Result<(), String> {
    let mut args = HashMap::new();
    let mut stages = Vec::new();
    for line in instructions(text) {
        let mut words = line.split_whitespace();
        let mut verb = words.next().unwrap_or_default().to_uppercase();
        if verb == "ONBUILD" {
            verb = words.next().unwrap_or_default().to_uppercase();
        }
        let words: Vec<&str> = words.collect();
        if verb == "ARG" {
            for word in words {
                let (name, usual) = word.split_once('=').unwrap_or((word, ""));
                let value = given.get(name).map_or_else(|| usual.trim_matches(['"', '\'']).to_owned(), Clone::clone);
                args.insert(name.to_owned(), value);
            }
        } else if verb == "FROM" {
            let name = words.iter().find(|word| !word.starts_with("--")).copied().unwrap_or_default();
            check(name, &args, &stages)?;
            if let [.., word, stage] = words[..]
                && word.eq_ignore_ascii_case("as")
            {
                stages.push(stage.to_lowercase());
            }
        } else {
            for flag in words.iter().take_while(|word| word.starts_with("--")) {
                let parts = flag.trim_start_matches("--").split(',').map(|part| part.trim_start_matches("mount="));
                for name in parts.filter_map(|part| part.strip_prefix("from=")) {
                    check(name, &args, &stages)?;
                }
            }
        }
    }
    Ok(())
}

/// The instructions, each as one line.
fn instructions(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    let directives = text.lines().map(str::trim).take_while(|line| line.starts_with('#'));
    let escape = directives.filter_map(|line| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        name.trim().eq_ignore_ascii_case("escape").then(|| value.trim().to_owned())
    });
    let escape = escape.last().unwrap_or_else(|| "\\".into());
    let mut all = Vec::new();
    let mut begun = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_suffix(&escape) {
            Some(line) => begun.push_str(line),
            None => all.push(std::mem::take(&mut begun) + line),
        }
    }
    all.push(begun);
    all
}

fn check(name: &str, args: &HashMap<String, String>, stages: &[String]) -> Result<(), String> {
    let expanded = expand(name.trim_matches(['"', '\'']), args)
        .ok_or_else(|| format!("expected the name of an image in the Dockerfile, found `{name}`"))?
        .to_lowercase();
    let is_digest = expanded.starts_with("sha256:")
        || (!expanded.is_empty()
            && expanded.chars().all(|c| c.is_ascii_hexdigit())
            && expanded.parse::<u32>().is_err());
    let is_ours = expanded.split("://").last().unwrap_or_default().contains(OURS);
    if stages.contains(&expanded) || !(is_digest || is_ours) {
        return Ok(());
    }
    Err(format!("expected an image of a registry in the Dockerfile, found `{name}`, which only this host could have"))
}

/// A word with the arguments in it; nothing where it cannot be told what it comes to.
fn expand(word: &str, args: &HashMap<String, String>) -> Option<String> {
    let mut done = String::new();
    let mut left = word;
    while let Some((before, rest)) = left.split_once('$') {
        done.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let value = |name: &str| args.get(name).map(String::as_str).unwrap_or_default();
        if let Some(rest) = rest.strip_prefix('{') {
            let (inner, after) = rest.split_once('}')?;
            let (name, how) = inner.split_at(inner.find(|c| !is_name(c)).unwrap_or(inner.len()));
            let value = value(name);
            let usual = how.strip_prefix(":-").or_else(|| how.strip_prefix('-'));
            let other = how.strip_prefix(":+").or_else(|| how.strip_prefix('+'));
            match (usual, other) {
                (Some(usual), _) => done.push_str(if value.is_empty() { usual } else { value }),
                (_, Some(other)) => done.push_str(if value.is_empty() { "" } else { other }),
                _ if how.is_empty() => done.push_str(value),
                _ => return None,
            }
            left = after;
        } else {
            let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
            done.push_str(value(name));
            left = after;
        }
    }
    done.push_str(left);
    (!done.contains(['$', '\\'])).then_some(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_of_registries_are_taken_from() {
        let given = HashMap::from([("GIVEN".to_owned(), "god-flow/built:x".to_owned())]);
        for (text, is_good) in [
            ("FROM python:3.11-slim\nCOPY . /app", true),
            (
                "FROM --platform=linux/amd64 python AS base\nFROM base\nCOPY --from=base /a /b\nCOPY --from=0 /a /b",
                true,
            ),
            ("FROM axolotlai/axolotl:main-py3.11-cu124-2.5.1", true),
            ("FROM python@sha256:0011223344", true),
            ("ARG TAG=3.11\nFROM python:${TAG}-slim", true),
            ("ARG CUDA\nFROM ${CUDA:+nvidia/}cuda:$CUDA", true),
            ("FROM python AS cafe\nFROM cafe", true),
            ("FROM god-flow-test/busybox:1", true),
            ("FROM python\nRUN echo FROM god-flow/built:x", true),
            ("FROM god-flow/built:x", false),
            ("FROM docker.io/God-Flow/built:x", false),
            ("FROM sha256:0011", false),
            ("FROM ab12", false),
            ("FROM python\nCOPY --from=a /x /y", false),
            ("FROM python\nCOPY --chown=1 --from=god-flow/built:x /x /y", false),
            ("FROM python\nCOPY \\\n  # a word\n  --from=ab /x /y", false),
            ("# escape=`\nFROM python\nCOPY `\n --from=ab /x /y", false),
            ("FROM python\nRUN --mount=type=bind,from=ab,target=/x cat /x", false),
            ("FROM python\nRUN --mount=from=ab,target=/x cat /x", false),
            ("FROM python\nONBUILD COPY --from=ab /x /y", false),
            ("ARG A=a\nFROM ${A}b", false),
            ("ARG A=a\nFROM ${A:-x}b", false),
            ("ARG GIVEN=python\nFROM $GIVEN", false),
            ("FROM ${A:-ab}", false),
            ("FROM ${A:?no}", false),
            ("FROM a\\b", false),
        ] {
            assert_eq!(look_through(text, &given).is_ok(), is_good, "{text}: {:?}", look_through(text, &given));
        }
    }
}
