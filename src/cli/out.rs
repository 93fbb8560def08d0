//! Where words go: data to stdout, the rest to stderr, in colour only where somebody sees it.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use super::{Colour, Exit, report::Look};

/// How this call prints.
#[derive(Clone)]
pub(super) struct Out {
    pub(super) json: bool,
    /// Whether messages on stderr are coloured.
    pub(super) colour: bool,
    /// Whether the terminal shows more than ASCII.
    pub(super) unicode: bool,
}

impl Out {
    pub(super) fn new(json: bool, colour: Colour) -> Self {
        let colour = is_coloured(colour, std::io::stderr().is_terminal(), &|name| std::env::var(name).ok());
        // Without a word about the locale the bytes go to a file or a pipe, which UTF-8 suits.
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
        let unicode = locale.is_none_or(|it| it.to_ascii_lowercase().replace('-', "").contains("utf8"))
            || !std::io::stdout().is_terminal();
        Self { json, colour, unicode }
    }

    /// How mistakes are shown to a person.
    pub(super) fn look(&self) -> Look {
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100);
        Look { colour: self.colour, unicode: self.unicode, width }
    }

    /// Prints data. A reader that has gone away, as in `god-flow plan … | head`, is no failure.
    pub(super) fn data(&self, text: &str) -> Exit {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Exit::Fine,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Fine,
            Err(error) => self.failure(&format!("cannot write to stdout: {error}")),
        }
    }

    /// Prints a part of data that goes on; false where nobody reads it any more.
    pub(super) fn stream(&self, bytes: impl AsRef<[u8]>) -> Result<bool, Exit> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes.as_ref()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(self.failure(&format!("cannot write to stdout: {error}"))),
        }
    }

    /// Prints a part of what others have written. On a terminal it does nothing there but be read.
    pub(super) fn strange(&self, bytes: &[u8]) -> Result<bool, Exit> {
        if std::io::stdout().is_terminal() { self.stream(harmless(bytes)) } else { self.stream(bytes) }
    }

    pub(super) fn json_data(&self, data: &impl Serialize) -> Exit {
        match serde_json::to_string_pretty(data) {
            Ok(text) => self.data(&(text + "\n")),
            Err(error) => self.failure(&format!("cannot write this as JSON: {error}")),
        }
    }

    /// Says something that is not data.
    #[expect(clippy::unused_self, reason = "whoever may speak holds an `Out`")]
    pub(super) fn say(&self, text: &str) {
        // Nobody can be told that stderr is gone.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Says that something could not be done.
    pub(super) fn failure(&self, message: &str) -> Exit {
        self.complain(message);
        Exit::Failed
    }

    /// Says that the call or the file is wrong.
    /// For programs also as data, so that there is always something to read.
    pub(super) fn wrong(&self, message: &str) -> Exit {
        self.told_as_data(message);
        self.complain(message);
        Exit::Wrong
    }

    /// Says why something is not done as things stand.
    pub(super) fn refused(&self, message: &str) -> Exit {
        self.told_as_data(message);
        self.complain(message);
        Exit::Refused
    }

    fn told_as_data(&self, message: &str) {
        if self.json {
            self.json_data(&serde_json::json!({ "error": message }));
        }
    }

    fn complain(&self, message: &str) {
        let word = if self.colour { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        self.say(&format!("{word}: {message}\n"));
    }
}

/// A text without what a terminal would obey. Programs go back in a line to write it anew: then it is a line of its own.
fn harmless(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Whether messages are coloured: where nothing is said of it, on a terminal that knows colours.
fn is_coloured(colour: Colour, is_terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            let is_unwanted = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
            is_terminal && !is_unwanted && variable("TERM").is_none_or(|terminal| terminal != "dumb")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_stranger() {
        for (text, expected) in [
            (&b"a\x1b[31mb\x07\tc\n"[..], "a[31mb\tc\n"),
            (b"10%\r20%\r\n", "10%\n20%\n"),
            (b"\xc2\x9b31m\xff", "31m\u{fffd}"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }

    #[test]
    fn colour_follows_the_call_then_the_environment_then_the_terminal() {
        for (colour, is_terminal, variables, expected) in [
            (Colour::Auto, true, &[][..], true),
            (Colour::Auto, true, &[("TERM", "xterm-256color"), ("NO_COLOR", "")], true),
            (Colour::Auto, true, &[("TERM", "dumb")], false),
            (Colour::Auto, true, &[("NO_COLOR", "1")], false),
            (Colour::Auto, false, &[], false),
            (Colour::Always, false, &[("TERM", "dumb"), ("NO_COLOR", "1")], true),
            (Colour::Never, true, &[], false),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(is_coloured(colour, is_terminal, &variable), expected, "{is_terminal} {variables:?}");
        }
    }
}
