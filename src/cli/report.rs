//! Mistakes as a person, a program or a code review reads them.
//!
//! Called by every command that reads workflows. It sorts, drops repetitions and bounds how many are shown; it
//! writes to no stream and asks no terminal: colour and width are arguments.
//!
//! As JSON the report is an array of objects, in the order of the files and of the text in them:
//!
//! ```json
//! { "code": "document::unknown_key", "message": "…", "help": "…",
//!   "file": "text.yaml", "line": 3, "column": 1, "end_line": 3, "end_column": 7,
//!   "related": [{ "label": "…", "file": "…", "line": 1, "column": 1, "end_line": 1, "end_column": 2 }] }
//! ```
//!
//! Lines and columns count from 1, columns in characters; the end is the first character behind the place.
//! `help` may be null. Where there are more mistakes than are shown, a last object has the code `report::more`, a
//! message, and null in every other field.

use std::{borrow::Cow, collections::HashSet, fmt};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, Severity,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use serde_json::{Value as Json, json};

use crate::{
    base::{
        Mistake, Place,
        limits::{MISTAKES_MAX, MISTAKES_SOUGHT_MAX},
    },
    document::Sources,
};

/// Who reads the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
    /// Annotations of GitHub Actions.
    Github,
}

/// How it looks to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub colour: bool,
    /// Lines and arrows beyond ASCII.
    pub unicode: bool,
    pub width: usize,
}

/// The report on some mistakes; ends with a line break unless it is empty.
pub fn report(mistakes: &[Mistake], sources: &Sources, format: Format, look: Look) -> String {
    let mut sorted: Vec<&Mistake> = mistakes.iter().collect();
    sorted.sort_by_key(|mistake| (mistake.place, mistake.code));
    let mut known = HashSet::new();
    sorted.retain(|mistake| known.insert((mistake.place, mistake.code, &mistake.message)));
    let shown = &sorted[..sorted.len().min(MISTAKES_MAX)];
    let more = sorted.len() - shown.len();
    match format {
        Format::Human => human(shown, more, sources, look),
        Format::Json => json(shown, more, sources),
        Format::Github => github(shown, more, sources),
    }
}

fn human(mistakes: &[&Mistake], more: usize, sources: &Sources, look: Look) -> String {
    let theme = GraphicalTheme {
        characters: if look.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if look.colour { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width.max(40))
        .with_links(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    for mistake in mistakes {
        let shown = Shown::mistake(mistake, sources);
        if handler.render_report(&mut text, &shown).is_err() {
            // The picture could not be drawn; the words never fail.
            text.push_str(&format!("{}: {}\n", sources.describe(mistake.place), clean(&mistake.message)));
        }
        text.push('\n');
    }
    let files: HashSet<_> = mistakes.iter().map(|mistake| mistake.place.source).collect();
    match mistakes.len() {
        0 => {}
        count => {
            // Nobody goes on looking for ever.
            let at_least = if count + more >= MISTAKES_SOUGHT_MAX { "at least " } else { "" };
            let found = counted(count + more, "mistake");
            text.push_str(&format!("{at_least}{found} in {}", counted(files.len(), "file")));
        }
    }
    match more {
        0 if mistakes.is_empty() => {}
        0 => text.push('\n'),
        more => text.push_str(&format!("; {more} more are not shown\n")),
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A mistake, or a place that belongs to one, as miette draws it.
#[derive(Debug)]
struct Shown<'a> {
    code: Option<&'static str>,
    message: Cow<'a, str>,
    help: Option<Cow<'a, str>>,
    labels: Vec<LabeledSpan>,
    snippet: Snippet<'a>,
    elsewhere: Vec<Self>,
}

impl<'a> Shown<'a> {
    fn mistake(mistake: &'a Mistake, sources: &'a Sources) -> Self {
        // One picture holds all places of a file, unless their lines are too long to be shown whole.
        let is_drawn_here =
            |place: Place| place.source == mistake.place.source && fits(place, sources) && fits(mistake.place, sources);
        let (here, elsewhere): (Vec<_>, Vec<_>) = mistake.related.iter().partition(|(place, _)| is_drawn_here(*place));
        let mut shown = Self::place(mistake.place, &mistake.message, sources);
        shown.code = Some(mistake.code);
        shown.help = mistake.help.as_deref().map(clean);
        shown.labels.extend(here.into_iter().map(|(place, label)| {
            LabeledSpan::new_with_span(Some(clean(label).into_owned()), span(*place, sources, 0))
        }));
        shown.elsewhere = elsewhere.into_iter().map(|(place, label)| Self::place(*place, label, sources)).collect();
        shown
    }

    fn place(place: Place, message: &'a str, sources: &'a Sources) -> Self {
        let snippet = Snippet::new(place, sources);
        let labels = vec![LabeledSpan::new_primary_with_span(None, span(place, sources, snippet.from))];
        Self { code: None, message: clean(message), help: None, labels, snippet, elsewhere: Vec::new() }
    }
}

/// What is underlined, in bytes from `from` on: of several lines only the first, of a long line only its start, so
/// that a snippet stays short.
fn span(place: Place, sources: &Sources, from: usize) -> SourceSpan {
    let text = sources.text(place.source);
    let start = text.floor_char_boundary(place.start as usize);
    let line = sources.slice(place).lines().next().unwrap_or_default().trim_end();
    (start - from, line.floor_char_boundary(LINE_MAX / 2)).into()
}

/// Bytes of a line that are shown whole.
const LINE_MAX: usize = 400;

/// Whether the line of a place and those around it are short enough to be shown.
fn fits(place: Place, sources: &Sources) -> bool {
    let text = sources.text(place.source);
    let at = text.floor_char_boundary(place.start as usize);
    let (before, after) = (&text[..at], &text[at..]);
    before.rsplit('\n').take(2).chain(after.split('\n').take(2)).all(|line| line.len() <= LINE_MAX)
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Shown<'_> {}
impl Diagnostic for Shown<'_> {
    fn code<'c>(&'c self) -> Option<Box<dyn fmt::Display + 'c>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }
    fn severity(&self) -> Option<Severity> {
        Some(if self.code.is_some() { Severity::Error } else { Severity::Advice })
    }
    fn help<'h>(&'h self) -> Option<Box<dyn fmt::Display + 'h>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.snippet)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
    fn related<'r>(&'r self) -> Option<Box<dyn Iterator<Item = &'r dyn Diagnostic> + 'r>> {
        let all = self.elsewhere.iter().map(|other| other as &dyn Diagnostic);
        (!self.elsewhere.is_empty()).then(|| Box::new(all) as Box<dyn Iterator<Item = _>>)
    }
}

/// The text around a place, with columns counted in characters.
#[derive(Debug)]
struct Snippet<'a> {
    name: &'a str,
    text: Cow<'a, str>,
    /// The byte and the line of the file that the text starts at.
    from: usize,
    line: usize,
    column: usize,
}

impl<'a> Snippet<'a> {
    fn new(place: Place, sources: &'a Sources) -> Self {
        let (name, text, start) = (sources.name(place.source), sources.text(place.source), sources.start(place));
        if fits(place, sources) {
            return Self { name, text: clean(text), from: 0, line: 0, column: start.column };
        }
        let at = text.floor_char_boundary(place.start as usize);
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let from = text.ceil_char_boundary(at.saturating_sub(LINE_MAX / 4)).clamp(line, at);
        let rest = text[from..].lines().next().unwrap_or_default();
        let text = clean(&rest[..rest.floor_char_boundary(LINE_MAX)]);
        Self { name, text, from, line: start.line - 1, column: start.column }
    }
}

impl SourceCode for Snippet<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.as_ref().read_span(span, before, after)?;
        // Without lines of context it is asked where the place itself is; a cut line has only one.
        let column = match before {
            0 if self.from == 0 => {
                let before = &self.text[..self.text.floor_char_boundary(span.offset())];
                before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').chars().count()
            }
            0 => self.column - 1,
            _ => found.column(),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_owned(),
            found.data(),
            *found.span(),
            found.line() + self.line,
            column,
            found.line_count(),
        )))
    }
}

/// A text that cannot steer a terminal. Every character keeps its length, so that places stay right.
fn clean(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let harmless = |c: char| match c.len_utf8() {
        1 => '?',
        2 => '·',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(|c| if steers(c) { harmless(c) } else { c }).collect())
}

fn json(mistakes: &[&Mistake], more: usize, sources: &Sources) -> String {
    let mut all: Vec<Json> = mistakes
        .iter()
        .map(|mistake| {
            let related =
                mistake.related.iter().map(|(place, label)| located(json!({ "label": label }), *place, sources));
            let told = json!({ "code": mistake.code, "message": mistake.message, "help": mistake.help });
            let mut object = located(told, mistake.place, sources);
            object["related"] = related.collect();
            object
        })
        .collect();
    if more > 0 {
        all.push(json!({
            "code": "report::more", "message": format!("{more} more mistakes are not shown"), "help": null,
            "file": null, "line": null, "column": null, "end_line": null, "end_column": null, "related": null,
        }));
    }
    format!("{:#}\n", Json::Array(all))
}

fn located(mut object: Json, place: Place, sources: &Sources) -> Json {
    let (start, end) = (sources.start(place), sources.end(place));
    object["file"] = json!(sources.name(place.source));
    object["line"] = json!(start.line);
    object["column"] = json!(start.column);
    object["end_line"] = json!(end.line);
    object["end_column"] = json!(end.column);
    object
}

fn github(mistakes: &[&Mistake], more: usize, sources: &Sources) -> String {
    let mut text = String::new();
    for mistake in mistakes {
        let (start, end) = (sources.start(mistake.place), sources.end(mistake.place));
        // Columns are shown only where a place lies within one line.
        let extent = if start.line == end.line {
            format!("col={},endColumn={}", start.column, end.column)
        } else {
            format!("endLine={}", end.line)
        };
        let help = mistake.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
        text.push_str(&format!(
            "::error file={},line={},{extent},title={}::{}\n",
            property(sources.name(mistake.place.source)),
            start.line,
            property(mistake.code),
            data(&format!("{}{help}", mistake.message)),
        ));
        for (place, label) in &mistake.related {
            text.push_str(&format!(
                "::notice file={},line={},title={}::{}\n",
                property(sources.name(place.source)),
                sources.start(*place).line,
                property(mistake.code),
                data(label),
            ));
        }
    }
    if more > 0 {
        text.push_str(&format!("::notice::{more} more mistakes are not shown\n"));
    }
    text
}

fn data(text: &str) -> String {
    clean(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
