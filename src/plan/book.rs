//! The book of rules that a workflow amounts to, in sentences with their numbers.
//!
//! `god-flow rules` prints it and `god-flow diff` compares two of them. The sentences are those of the types: what a field is
//! for is written once, where the field is declared.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    action::words::Said,
    base::{Name, Value},
    rule::{self, Env, Failure, Rule},
    workflow::{Body, BodyIx, Does, Every, Given, OnFailure, OnTimeLimit, Retry, Schedule, Step, StepIx, Workflow},
};

/// A part of the book: the schedule, the inputs, a step, the table of GPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chapter {
    /// Stable where the file only changes elsewhere: `round/draw`.
    pub path: String,
    /// `1.2` for a step.
    pub number: String,
    pub title: String,
    pub about: String,
    pub sentences: Vec<Sentence>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// What tells it from the others of its chapter.
    pub key: String,
    pub says: String,
    /// The number, word or expression that it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The rules that an expression reads, with what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<(String, String)>,
}

/// The whole book.
pub fn book(workflow: &Workflow) -> Vec<Chapter> {
    let mut writer = Writer {
        workflow,
        used: used(workflow),
        given: BTreeMap::new(),
        written: BTreeMap::new(),
        chapters: Vec::new(),
    };
    if let Some(schedule) = &workflow.schedule {
        writer.chapter("schedule", "When it starts", "", starts(schedule));
    }
    let inputs = workflow.inputs.iter().map(|(name, input)| {
        let about = input.about.clone().unwrap_or_else(|| input.ty.to_string());
        let usual = input.default.as_ref().map(|value| format!("{} unless said otherwise", usual(&value.to_json())));
        let usual = usual.unwrap_or_default();
        sentence(name.as_str(), &format!("{name}: {about}"), (usual, Vec::new()))
    });
    writer.chapter("inputs", "What it is given", "", inputs.collect());
    writer.body(Workflow::MAIN, "");
    writer.gpus();
    let gives =
        workflow.main().gives.iter().map(|(name, given)| sentence(name.as_str(), name.as_str(), writer.said(given)));
    let gives = gives.collect();
    writer.chapter("gives", "What comes out", "", gives);
    writer.chapters
}

/// A body below a step, and what it is handed.
type Inner<'s> = (BodyIx, &'s [(Name, Given)]);

/// A value in words, and the rules that it reads with what they are.
type Worded = (String, Vec<(String, String)>);

fn sentence(key: &str, says: &str, (value, rules): Worded) -> Sentence {
    Sentence { key: key.into(), says: says.into(), value, rules }
}

fn counted(key: &str, says: &str, value: impl ToString) -> Sentence {
    sentence(key, says, (value.to_string(), Vec::new()))
}

fn plain(key: &str, says: &str) -> Sentence {
    counted(key, says, "")
}

struct Writer<'w> {
    workflow: &'w Workflow,
    /// How often each body is used.
    used: BTreeMap<BodyIx, usize>,
    /// What the body that is being told is handed, as far as the file says it: only where it is used once.
    given: BTreeMap<Arc<str>, Value>,
    /// Bodies that have their chapters, by the number under which they stand.
    written: BTreeMap<BodyIx, String>,
    chapters: Vec<Chapter>,
}

impl Writer<'_> {
    fn chapter(&mut self, path: &str, title: &str, about: &str, sentences: Vec<Sentence>) {
        if !sentences.is_empty() {
            let number = String::new();
            self.chapters.push(Chapter {
                path: path.into(),
                number,
                title: title.into(),
                about: about.into(),
                sentences,
            });
        }
    }

    fn body(&mut self, at: BodyIx, under: &str) {
        let body = self.workflow.body(at);
        self.written.insert(at, under.into());
        for (i, step) in body.steps.iter().enumerate() {
            let number = if under.is_empty() { format!("{}", i + 1) } else { format!("{under}.{}", i + 1) };
            self.step(body, step, &number);
        }
    }

    fn step(&mut self, body: &Body, step: &Step, number: &str) {
        let path = format!("{}/{}", body.name, step.name);
        let mut sentences = Vec::new();
        if let Some(when) = &step.when {
            sentences.push(sentence("when", "Only when", self.expression(when)));
        }
        let at = self.chapters.len();
        let (about, inner) = self.does(step, &mut sentences);
        let inner = inner.map(|(inner, with)| (inner, self.handed(inner, with)));
        self.settings(step, &mut sentences);
        let about = step.about.clone().unwrap_or(about);
        let chapter = Chapter { path, number: number.into(), title: step.name.to_string(), about, sentences };
        self.chapters.insert(at, chapter);
        if let Some((inner, handed)) = inner {
            match self.written.get(&inner).cloned() {
                None => {
                    let around = std::mem::replace(&mut self.given, handed);
                    self.body(inner, number);
                    self.given = around;
                }
                Some(above) if above.is_empty() => {}
                Some(above) => self.chapters[at].sentences.push(plain("as", &format!("As under {above}"))),
            }
        }
    }

    /// What the file says of what a body is handed. A body that is used several times is handed something else each time.
    fn handed(&self, body: BodyIx, with: &[(Name, Given)]) -> BTreeMap<Arc<str>, Value> {
        let is_once = self.used.get(&body) == Some(&1);
        let known = with
            .iter()
            .filter(|_| is_once)
            .filter_map(|(name, given)| Some((name.as_str().into(), self.known(given)?)));
        known.collect()
    }

    /// What a step does, and the body whose steps are below it with what it is handed.
    fn does<'s>(&self, step: &'s Step, sentences: &mut Vec<Sentence>) -> (String, Option<Inner<'s>>)
    where
        Self: 's,
    {
        let about = |body: BodyIx| self.workflow.body(body).about.clone().unwrap_or_default();
        match &step.does {
            Does::Action { action, input, .. } => {
                if action.name == "value" {
                    sentences.push(sentence("value", "It is", self.said(input)));
                    return (String::new(), None);
                }
                for told in action.told(&self.given(input)) {
                    if !is_handed_on(&told.value) {
                        sentences.push(sentence(&told.path, &told.about, (told.value, told.rules)));
                    }
                }
                (action.about.trim_end_matches('.').to_owned(), None)
            }
            Does::Use { body, with } => {
                self.with(with, sentences);
                (about(*body), Some((*body, with.as_slice())))
            }
            Does::Repeat(repeat) => {
                sentences.push(sentence("until", "Again and again until", self.expression(&repeat.until)));
                sentences.push(counted("at_most", "At most so many times", repeat.at_most));
                self.with(&repeat.carry, sentences);
                self.with(&repeat.with, sentences);
                (about(repeat.body), Some((repeat.body, repeat.with.as_slice())))
            }
            Does::Each(each) => {
                let each_of = format!("For each {} of", each.item);
                sentences.push(sentence("each", &each_of, self.said(&each.list)));
                let inner = self.workflow.body(each.body).step(StepIx(0));
                if let Some(when) = &inner.when {
                    sentences.push(sentence("when", "Only when", self.expression(when)));
                }
                let found = self.does(inner, sentences);
                self.settings(inner, sentences);
                found
            }
        }
    }

    /// What a template is handed, as far as that is more than a name.
    fn with(&self, with: &[(Name, Given)], sentences: &mut Vec<Sentence>) {
        for (name, given) in with {
            let value = self.said(given);
            if !is_handed_on(&value.0) {
                sentences.push(sentence(name.as_str(), &name.as_str().replace('_', " "), value));
            }
        }
    }

    fn settings(&self, step: &Step, sentences: &mut Vec<Sentence>) {
        let settings = &step.settings;
        if let Some(gpus) = &settings.gpus {
            sentences.push(sentence("gpus", "On GPUs", self.said(gpus)));
        }
        if let Some(limit) = &settings.time_limit {
            let says = match settings.on_time_limit {
                OnTimeLimit::Fail => "It fails when it takes longer than",
                OnTimeLimit::Succeed => "What is there counts when it has taken",
            };
            sentences.push(sentence("time_limit", says, self.said(limit)));
        }
        if let Some(attempts) = &settings.attempts {
            sentences.push(sentence(
                "retry.attempts",
                "Attempts in all, however it fails itself",
                self.said(&attempts.written),
            ));
        }
        let usual = Retry::default();
        let Retry { exit_code, out_of_memory, time_limit, network, host_lost, .. } = settings.retry;
        for (key, says, times, usually) in [
            ("retry.exit_code", "Attempts more after an error of its own", exit_code, usual.exit_code),
            ("retry.out_of_memory", "Attempts more after running out of memory", out_of_memory, usual.out_of_memory),
            ("retry.time_limit", "Attempts more after reaching the time limit", time_limit, usual.time_limit),
            ("retry.network", "Attempts more after a failure of the network", network, usual.network),
            ("retry.host_lost", "Attempts more after its host was lost", host_lost, usual.host_lost),
        ] {
            if times != usually {
                sentences.push(counted(key, says, times));
            }
        }
        match settings.on_failure {
            OnFailure::Stop => {}
            OnFailure::Result => sentences.push(plain("on_failure", "A failure of it is a result like any other")),
            OnFailure::Hold => sentences.push(plain("on_failure", "A failure of it waits for an operator's decision")),
        }
        if let Some(group) = &settings.same_host {
            sentences.push(counted("same_host", "On one host with all of the group", group));
        }
        for limit in &settings.limits {
            let most = self.workflow.limits.get(limit).copied().unwrap_or_default();
            sentences.push(counted(limit.as_str(), "At the same time at most", format!("{most} inside of `{limit}`")));
        }
    }

    fn gpus(&mut self) {
        let Some(table) = &self.workflow.gpus else { return };
        let mut sentences = Vec::new();
        if let Some(size) = table.size() {
            sentences.push(sentence("size", "The size is", self.expression(size)));
        }
        for (i, (when, up_to, need)) in table.lines().enumerate() {
            let when = when.map(|when| format!("where {}", self.expression(when).0));
            let up_to = up_to.map(|up_to| format!("up to {}", self.said(up_to).0));
            let says = [when, up_to].into_iter().flatten().collect::<Vec<_>>().join(" and ");
            let usual = if i == 0 { "always" } else { "else" };
            let says = if says.is_empty() { usual.to_owned() } else { says };
            sentences.push(sentence(&format!("row {}", i + 1), &says, self.said(need)));
        }
        self.chapter("gpus", "How many GPUs", "The first line that holds", sentences);
    }

    fn expression(&self, rule: &Rule) -> Worded {
        (self.words(rule.text()), self.rules(rule.reads()))
    }

    /// An expression in words, with what its rules are; as it is written where it has none.
    fn words(&self, text: &str) -> String {
        let known = |path: &[&str]| {
            let value = match path.split_first()? {
                (&"rules", fields) => {
                    fields.iter().try_fold(&self.workflow.rules, |value, field| value.field(field))?
                }
                (name, fields) => fields.iter().try_fold(self.given.get(*name)?, |value, field| value.field(field))?,
            };
            match value {
                Value::Bool(truth) => Some(if *truth { "yes" } else { "no" }.to_owned()),
                Value::Null | Value::List(_) | Value::Record(_) => None,
                scalar => Some(scalar.to_string()),
            }
        };
        rule::plain(text, &known).unwrap_or_else(|| format!("`{text}`"))
    }

    /// What the rules are that an expression reads.
    fn rules<'p>(&self, reads: impl IntoIterator<Item = &'p Vec<Arc<str>>>) -> Vec<(String, String)> {
        let of_rules = reads.into_iter().filter(|path| &*path[0] == "rules");
        let rules: BTreeMap<String, String> = of_rules
            .filter_map(|path| {
                let value = path[1..].iter().try_fold(&self.workflow.rules, |value, field| value.field(field))?;
                Some((path.join("."), value.to_string()))
            })
            .collect();
        rules.into_iter().collect()
    }

    fn said(&self, given: &Given) -> Worded {
        match self.given(given) {
            Said::Known(serde_json::Value::String(text)) => (text, Vec::new()),
            Said::Known(value) => (value.to_string(), Vec::new()),
            Said::Computed(text, rules) => (text, rules),
            Said::Items(items) => (format!("a list of {}", items.len()), Vec::new()),
            Said::Fields(fields) => {
                let mut read = Vec::new();
                let words = fields.into_iter().map(|(name, said)| match said {
                    Said::Known(value) => format!("{name}: {value}"),
                    Said::Computed(text, rules) => {
                        read.extend(rules);
                        format!("{name}: {text}")
                    }
                    Said::Fields(_) | Said::Items(_) => name,
                });
                (words.collect::<Vec<_>>().join("; "), read)
            }
        }
    }

    /// What reads nothing but rules, and what the file hands the body, is known.
    fn known(&self, given: &Given) -> Option<Value> {
        let mut beyond = given.calls("gpus");
        given.reads(&mut |path| beyond |= &*path[0] != "rules" && !self.given.contains_key(&path[0]));
        if beyond { None } else { given.eval(&Rules(&self.workflow.rules, &self.given)).ok() }
    }

    /// A value as far as the file alone tells it.
    fn given(&self, given: &Given) -> Said {
        if let Some(value) = self.known(given) {
            return Said::Known(value.to_json());
        }
        let mut reads = Vec::new();
        given.reads(&mut |path| reads.push(path.to_vec()));
        match given {
            Given::Known(value) => Said::Known(value.to_json()),
            Given::Text(text) => match text.expression() {
                Some(expression) => Said::Computed(self.words(expression), self.rules(&reads)),
                None => Said::Computed(format!("\"{}\"", text.written()), self.rules(&reads)),
            },
            Given::Rule(rule) => Said::Computed(self.words(rule.text()), self.rules(&reads)),
            Given::List(items) => Said::Items(items.iter().map(|item| self.given(item)).collect()),
            Given::Record(fields) => {
                Said::Fields(fields.iter().map(|(name, given)| (name.to_string(), self.given(given))).collect())
            }
        }
    }
}

/// Whether a value is only handed on from elsewhere: a name, or a way along fields.
fn is_handed_on(value: &str) -> bool {
    let inner = value.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    inner.is_some_and(|inner| inner.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.'))
}

/// An environment of nothing but the rules and what a body is handed.
struct Rules<'w>(&'w Value, &'w BTreeMap<Arc<str>, Value>);

impl Env for Rules<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        if name == "rules" { Some(self.0.clone()) } else { self.1.get(name).cloned() }
    }
    fn call(&self, function: &str, _: &[Value]) -> Result<Value, Failure> {
        unreachable!("`{function}` is called by nothing that reads only rules")
    }
}

/// How often each body is used by the steps of others.
fn used(workflow: &Workflow) -> BTreeMap<BodyIx, usize> {
    let mut used = BTreeMap::new();
    let mut left = vec![Workflow::MAIN];
    while let Some(at) = left.pop() {
        for step in &workflow.body(at).steps {
            let body = match &step.does {
                Does::Action { .. } => continue,
                Does::Use { body, .. } => *body,
                Does::Repeat(repeat) => repeat.body,
                Does::Each(each) => each.body,
            };
            let times = used.entry(body).or_insert(0);
            *times += 1;
            left.extend((*times == 1).then_some(body));
        }
    }
    used
}

/// A default as people write it.
fn usual(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "nothing".into(),
        serde_json::Value::Array(items) if items.is_empty() => "none".into(),
        serde_json::Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name} {}", usual(value))).collect();
            fields.join(", ")
        }
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn starts(schedule: &Schedule) -> Vec<Sentence> {
    let at = schedule.at.map(|at| format!(" at {:02}:{:02} UTC", at.hour, at.minute)).unwrap_or_default();
    let late = schedule.window.map(|window| format!(", at most {window} late")).unwrap_or_default();
    let (start, missed) = match schedule.every {
        Every::Week => {
            let day = schedule.on.map(|day| format!(" on {day:?}")).unwrap_or_default();
            (format!("Every week{day}{at}{late}"), Some("week"))
        }
        Every::Day => (format!("Every day{at}{late}"), Some("day")),
        Every::Gap => {
            let gap = schedule.gap.map(|gap| gap.to_string()).unwrap_or_default();
            (format!("Once {gap} have passed since the last run"), None)
        }
    };
    let alone =
        if schedule.one_at_a_time { "Never while another run of it goes on" } else { "Also beside other runs of it" };
    let missed = missed.map(|next| format!("Whatever is missed waits for the next {next} and does not start late"));
    let again = schedule.again.map(|wait| {
        (
            "again",
            format!("A run that gives `again: true` is followed by another {wait} after its end, whatever the window"),
        )
    });
    let sentences = [Some(("start", start)), again, missed.map(|it| ("missed", it)), Some(("alone", alone.into()))];
    let first = ("first", "The first of all starts at once".to_owned());
    sentences.into_iter().flatten().chain([first]).map(|(key, says)| plain(key, &says)).collect()
}
