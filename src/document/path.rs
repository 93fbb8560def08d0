//! Names of files inside the folder of a workflow.
//!
//! Called by the loading alone. All is lexical: whether a name is a link that leads elsewhere only the reader of
//! files can know.

/// The file that `given` means when it is written in the file `from`; both are counted from the entry's folder.
pub(super) fn resolve(from: &str, given: &str) -> Result<String, &'static str> {
    if given.trim().is_empty() || given == "-" || given.ends_with('/') {
        return Err("a file has a name, such as `parts/entry.yaml`");
    }
    if given.contains("://") {
        return Err("files are read from beside the workflow; fetch it first");
    }
    if given.contains('\\') {
        return Err("write `/` between the folders");
    }
    let has_drive = given.as_bytes().get(1) == Some(&b':');
    if given.starts_with(['/', '~']) || has_drive || given.chars().any(char::is_control) {
        return Err("name it from the folder of this file, such as `parts/entry.yaml`");
    }
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    for step in given.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop().ok_or("a workflow reads no files outside the folder that it lies in")?;
            }
            step => steps.push(step),
        }
    }
    let path = steps.join("/");
    if path.is_empty() || path == "-" { Err("a file has a name, such as `parts/entry.yaml`") } else { Ok(path) }
}

/// The folder of a file and its name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rfind('/').map_or(("", path), |slash| path.split_at(slash + 1))
}

/// Whether what stands in place of a file is an address.
pub(super) fn is_address(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme)))
}

/// Whether an address may stand in a file. The error says what to write instead.
pub(super) fn address(text: &str) -> Result<(), &'static str> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Err("write it whole, such as `https://example.org/catalogue.json`")
    } else if host.contains('@') {
        Err("leave the name and the password out: whatever stands in a file is kept with each run")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_files_and_hold_no_secret() {
        for text in ["catalogue.json", "http/x.json", "https:/x", "ftp://example.org/x", "httpé"] {
            assert!(!is_address(text), "{text}");
        }
        for (text, is_good) in [
            ("https://example.org/c.json", true),
            ("HTTP://127.0.0.1:80/c?x=@", true),
            ("https://name:word@example.org/c.json", false),
            ("https:///c.json", false),
            ("https://example.org/a b", false),
        ] {
            assert!(is_address(text), "{text}");
            assert_eq!(address(text).is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn files_stay_in_the_folder_of_the_entry() {
        for (from, given, expected) in [
            ("text.yaml", "parts/entry.yaml", "parts/entry.yaml"),
            ("text.yaml", "./parts//entry.yaml", "parts/entry.yaml"),
            ("parts/entry.yaml", "more.yaml", "parts/more.yaml"),
            ("parts/entry.yaml", "../types.yaml", "types.yaml"),
            ("parts/a/b.yaml", ".././../x..y.yaml", "x..y.yaml"),
            ("text.yaml", "parts/../é.yaml", "é.yaml"),
        ] {
            assert_eq!(resolve(from, given).as_deref(), Ok(expected), "{given}");
        }
        for (from, given) in [
            ("text.yaml", "../x.yaml"),
            ("parts/a.yaml", "../../x.yaml"),
            ("text.yaml", "parts/../../parts/x.yaml"),
            ("text.yaml", "/etc/passwd"),
            ("text.yaml", "//etc/passwd"),
            ("text.yaml", "~/x.yaml"),
            ("text.yaml", "C:/x.yaml"),
            ("text.yaml", "https://x.org/a.yaml"),
            ("text.yaml", "file:///a.yaml"),
            ("text.yaml", "parts\\x.yaml"),
            ("text.yaml", "a\0b"),
            ("text.yaml", "a\nb"),
            ("text.yaml", ""),
            ("text.yaml", "."),
            ("text.yaml", "a/.."),
            ("text.yaml", "parts/"),
            ("text.yaml", "-"),
            ("text.yaml", "./-"),
        ] {
            assert!(resolve(from, given).is_err(), "{given:?}");
        }
    }
}
