//! What the manual shows is true: its workflows are valid, its expressions hold, its pictures are what the program prints.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{collections::BTreeMap, fs, process::Command};

use god_flow::{
    base::{Mistake, Name, Ty, Value},
    cli::report::{Format, Look, report},
    document::{self, Reader, Sources, types::is_modifier},
    rule::{Env, Failure, Rule, Scope},
    workflow,
};

/// A fenced block: the words behind the fence, the line it begins on, and its text.
struct Block {
    kind: String,
    line: usize,
    text: String,
}

fn blocks(path: &str) -> Vec<Block> {
    let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{path}: {why}"));
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text = inside.map(|line| format!("{line}\n")).collect();
            blocks.push(Block { kind: kind.into(), line: n + 1, text });
        }
    }
    blocks
}

/// The texts of the manual as files.
struct Texts(BTreeMap<String, String>);

impl Reader for Texts {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "there is no such file".into())
    }
}

/// The mistakes of one of the texts.
fn check(path: &str, texts: &Texts) -> (Vec<Mistake>, Sources) {
    let (loaded, sources, mut mistakes) = document::load(path, texts, &is_modifier);
    if let Some(loaded) = loaded {
        mistakes.extend(workflow::check(&loaded.tree).err().unwrap_or_default());
    }
    (mistakes, sources)
}

fn told(mistakes: &[Mistake], sources: &Sources) -> String {
    report(mistakes, sources, Format::Human, Look { colour: false, unicode: true, width: 100 })
}

const KEYS: &str = "god_flow: 1\nworkflow: example\n";
/// What steps of the manual may read.
const INPUTS: [(&str, &str); 2] = [("inputs.entrant.", "entrant"), ("inputs.entrants", "entrants")];

#[test]
fn every_workflow_of_the_manual_is_valid() {
    let blocks = blocks("docs/language.md");
    let mut texts = Texts(BTreeMap::new());
    let mut entries = Vec::new();
    for block in blocks.iter().filter(|block| block.kind.starts_with("yaml")) {
        let (path, text) = match block.kind.strip_prefix("yaml").map(str::trim) {
            Some("wrong") => continue,
            Some("cases") => {
                let read = god_flow::sim::cases::read(god_flow::base::SourceId(0), &block.text);
                assert!(read.is_ok(), "docs/language.md:{}: {:?}", block.line, read.err());
                continue;
            }
            Some("steps") => {
                let steps: String = block.text.lines().map(|line| format!("  {line}\n")).collect();
                let read = INPUTS.iter().filter(|(read, _)| block.text.contains(read));
                let inputs: Vec<String> = read.map(|(_, name)| format!("{name}: {{ type: {name} }}")).collect();
                (
                    format!("line-{}.yaml", block.line),
                    format!("{KEYS}inputs: {{ {} }}\nsteps:\n{steps}", inputs.join(", ")),
                )
            }
            Some("keys") => (
                format!("line-{}.yaml", block.line),
                format!("{KEYS}{}steps: {{ done: {{ value: 1 }} }}\n", block.text),
            ),
            Some("") | None => (format!("line-{}.yaml", block.line), block.text.clone()),
            Some(path) => (path.into(), block.text.clone()),
        };
        entries.push((block.line, path.clone()));
        texts.0.insert(path, text);
    }
    assert!(entries.len() > 10, "the manual has examples");
    for (line, path) in entries {
        let (mistakes, sources) = check(&path, &texts);
        assert!(mistakes.is_empty(), "docs/language.md:{line}\n{}", told(&mistakes, &sources));
    }
}

#[test]
fn every_mistake_of_the_manual_is_told_so() {
    let blocks = blocks("docs/language.md");
    for (i, block) in blocks.iter().enumerate().filter(|(_, block)| block.kind == "yaml wrong") {
        let texts = Texts(BTreeMap::from([("greet.yaml".to_string(), block.text.clone())]));
        let (mistakes, sources) = check("greet.yaml", &texts);
        let shown = told(&mistakes, &sources).lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
        assert_eq!(blocks[i + 1].text, shown, "docs/language.md:{}: the report is now\n{shown}", blocks[i + 1].line);
    }
}

/// No names at all.
struct Nothing;

impl Env for Nothing {
    fn value(&self, _: &str) -> Option<Value> {
        None
    }
    fn call(&self, function: &str, _: &[Value]) -> Result<Value, Failure> {
        panic!("there is no host function `{function}`")
    }
}

#[test]
fn every_expression_of_the_manual_holds() {
    let blocks = blocks("docs/language.md");
    let lines: Vec<&str> =
        blocks.iter().filter(|block| block.kind == "cel").flat_map(|block| block.text.lines()).collect();
    assert!(lines.len() > 10, "the manual has expressions");
    for line in lines {
        let rule = Rule::compile(line, &Scope::new()).unwrap_or_else(|wrongs| panic!("{line}\n{wrongs:?}"));
        assert_eq!(*rule.ty(), Ty::Bool, "{line}");
        assert_eq!(rule.eval(&Nothing), Ok(Value::Bool(true)), "{line}");
    }
}

/// What the manual says of a failure; nothing where no file that was checked can cause it.
fn said_of(failure: &Failure) -> Option<&'static str> {
    Some(match failure {
        Failure::DivisionByZero => "by zero",
        Failure::Overflow | Failure::NotFinite => "a number that is too large to be held",
        Failure::BelowZero { .. } => "an amount below zero",
        Failure::NoElement { .. } => "an index below zero or beyond the end of a list",
        Failure::NoKey { .. } => "a key that a map does not have",
        Failure::SameKey { .. } => "a key that is computed twice in one map",
        Failure::Empty { .. } => "of an empty list",
        Failure::OutOfRange { .. } => "a count or an exponent below zero",
        Failure::Unreadable { .. } => "a computed text that",
        Failure::TooMuchWork => "too much work",
        Failure::TooLarge => "grows too large",
        Failure::NoValue { .. } | Failure::Unfit { .. } | Failure::Host { .. } => return None,
    })
}

/// A world for expressions that fail.
struct Bad;

impl Env for Bad {
    fn value(&self, name: &str) -> Option<Value> {
        Some(match name {
            "n" => Value::Whole(-1),
            "s" => Value::text("soon".repeat(2_000)),
            "m" => Value::record([("a", Value::Whole(1))]),
            _ => Value::list([]),
        })
    }
    fn call(&self, function: &str, _: &[Value]) -> Result<Value, Failure> {
        panic!("there is no host function `{function}`")
    }
}

#[test]
fn the_manual_lists_what_can_fail_when_an_expression_is_computed() {
    let manual = fs::read_to_string("docs/language.md").unwrap();
    let (_, list) = manual.split_once("It then fails, and so does the step that asked:").unwrap();
    let (list, _) = list.split_once("Everything else is known when the file is read").unwrap();
    let list = list.split_whitespace().collect::<Vec<_>>().join(" ");
    let scope = [("n", Ty::Whole), ("s", Ty::Text), ("m", Ty::map(Ty::Whole)), ("l", Ty::list(Ty::Whole))]
        .into_iter()
        .fold(Scope::new(), |scope, (name, ty)| scope.with(Name::parse(name).unwrap(), ty));
    for text in [
        "1.0 / (n + 1)",
        "1 % (n + 1)",
        "whole_div(1, n + 1)",
        "9223372036854775807 - n",
        "1e308 * (1.0 - n) * 10",
        "minutes(1) - hours(n + 2)",
        "tao('1 TAO') * n",
        "l[0]",
        "l[n]",
        "m['b']",
        "{text(n): 1, text(n + 0): 2}",
        "min(l)",
        "max_by(l, e, e)",
        "mean(l)",
        "median(l)",
        "range(n)",
        "l.top(n)",
        "pow(2, n)",
        "l.chunks(n + 1)",
        "round_to(0.5, n)",
        "clamp(1, 0, n)",
        "duration(text(n))",
        "tao(text(n))",
        "bytes(text(n))",
        "gpus_of(text(n))",
        "timestamp(text(n))",
        "range(3000).all(a, range(3000).all(b, a >= n))",
        "range(200).map(i, s).join()",
    ] {
        let rule = Rule::compile(text, &scope).unwrap_or_else(|wrongs| panic!("{text}\n{wrongs:?}"));
        let failure = rule.eval(&Bad).err().unwrap_or_else(|| panic!("{text} does not fail"));
        let said = said_of(&failure).unwrap_or_else(|| panic!("{text}: {failure:?}"));
        assert!(list.contains(said), "{text}: {failure}: the manual does not say {said:?}");
        // Functions that fail are named, but for those of a kind that is described.
        let function = text.split('(').next().unwrap().trim_start_matches("l.");
        let is_named = Name::parse(function).is_err() || function == "top" || list.contains(&format!("`{function}"));
        assert!(is_named, "the manual does not name {function}");
    }
}

fn program(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_god-flow")).args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The pictures follow the command that makes them; lines with `…` alone stand for those left out.
#[test]
fn the_pictures_of_the_readme_are_what_the_program_prints() {
    let blocks = blocks("README.md");
    let tree = program(&["plan", "workflows/text.yaml", "--entrants", "64", "--gpus", "32xH100"]);
    let picture = blocks.iter().find(|block| block.kind == "text").expect("the README shows a plan");
    let mut rest = tree.lines();
    for line in picture.text.lines().filter(|line| !line.trim_start_matches(['│', ' ']).starts_with('…')) {
        assert!(
            rest.any(|printed| printed.trim_end() == line.trim_end()),
            "README.md:{}: this line of the picture is not printed, or not there:\n{line}\nthe plan is now\n{tree}",
            picture.line
        );
    }
    let mermaid = blocks.iter().find(|block| block.kind == "mermaid").expect("the README shows a diagram");
    let drawn = program(&["graph", "examples/workflows/train.yaml", "--format", "mermaid"]);
    assert_eq!(mermaid.text, drawn, "README.md:{}: the diagram is stale", mermaid.line);
}

/// The comparison of the README comes out so: the same seeds give the same runs.
#[test]
fn the_changed_rule_of_the_readme_does_what_is_shown() {
    let blocks = blocks("README.md");
    let block = |kind: &str| &blocks.iter().find(|block| block.kind == kind).expect("the README changes a rule").text;
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new("cp").args(["-r", "workflows", "examples"]).arg(folder.path()).status().unwrap().success());
    fs::write(folder.path().join("workflows/mine.yaml"), block("yaml mine")).unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    let line = readme.lines().find_map(|line| line.strip_prefix("god-flow simulate ")).expect("the README simulates");
    let mut call = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    call.current_dir(folder.path()).env("LC_ALL", "C.UTF-8").arg("simulate").args(line.split_whitespace());
    let output = call.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), *block("text simulated"), "god-flow simulate {line}");
}

#[test]
fn what_the_documents_link_to_is_there() {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    for path in
        ["README.md", "CHANGELOG.md", "docs/language.md", "docs/ledger.md", "docs/reference.md", "src/ARCHITECTURE.md"]
    {
        let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{path}: {why}"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let there = if file.is_empty() { path.to_string() } else { format!("{}{file}", folder(path)) };
            let found = fs::read_to_string(&there).unwrap_or_else(|why| panic!("{path}: {link}: {why}"));
            let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            let known = anchor.is_empty() || found.lines().any(|line| line.starts_with('#') && heading(line) == anchor);
            assert!(known, "{path}: {link}: there is no such heading");
        }
    }
}
