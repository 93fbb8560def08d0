//! Values that are written out or computed, or both mixed: checked against the type that their place wants.

use std::sync::Arc;

use super::{
    meant,
    misfit::{misfit, odd_field, with_article},
    origin,
};
use crate::{
    base::{GpuRequest, Mistake, Name, Rao, RecordTy, Size, Span, Ty, Value, limits::MISTAKES_SOUGHT_MAX, near},
    document::{Node, Tree},
    rule::{Env, Failure, Interpolation, Rule, Scope, Wrong},
};

/// A value, known or yet to be computed.
#[derive(Clone, Debug)]
pub enum Given {
    Known(Value),
    Text(Interpolation),
    Rule(Rule),
    List(Arc<[Given]>),
    Record(Arc<[(Arc<str>, Given)]>),
}

impl Given {
    pub fn eval(&self, env: &dyn Env) -> Result<Value, Failure> {
        match self {
            Self::Known(value) => Ok(value.clone()),
            Self::Text(text) => text.eval(env),
            Self::Rule(rule) => rule.eval(env),
            Self::List(items) => items.iter().map(|item| item.eval(env)).collect::<Result<_, _>>().map(Value::List),
            Self::Record(fields) => {
                let fields = fields.iter().map(|(name, given)| Ok((name.clone(), given.eval(env)?)));
                fields.collect::<Result<_, _>>().map(|record| Value::Record(Arc::new(record)))
            }
        }
    }

    /// The value, where it does not depend on anything.
    pub fn known(&self) -> Option<Value> {
        match self {
            Self::Known(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// The paths that it reads, from a name in scope: `["rules", "fee"]`.
    pub fn reads(&self, visit: &mut dyn FnMut(&[Arc<str>])) {
        match self {
            Self::Known(_) => {}
            Self::Text(text) => text.reads().iter().for_each(|path| visit(path)),
            Self::Rule(rule) => rule.reads().iter().for_each(|path| visit(path)),
            Self::List(items) => items.iter().for_each(|item| item.reads(visit)),
            Self::Record(fields) => fields.iter().for_each(|(_, given)| given.reads(visit)),
        }
    }

    /// Whether it calls that function of the host.
    pub fn calls(&self, function: &str) -> bool {
        match self {
            Self::Known(_) => false,
            Self::Text(text) => text.calls().iter().any(|name| name.as_str() == function),
            Self::Rule(rule) => rule.calls().iter().any(|name| name.as_str() == function),
            Self::List(items) => items.iter().any(|item| item.calls(function)),
            Self::Record(fields) => fields.iter().any(|(_, given)| given.calls(function)),
        }
    }
}

/// Reads a value at a place that wants a type, or any type at all. What cannot be read is a mistake and becomes null.
pub(super) fn read(tree: &Tree, wanted: Option<&Ty>, scope: &Scope, mistakes: &mut Vec<Mistake>) -> (Given, Ty) {
    let bad = (Given::Known(Value::Null), Ty::Never);
    if mistakes.len() >= MISTAKES_SOUGHT_MAX {
        return bad;
    }
    if let Some(mistake) = not_computed(tree, scope) {
        mistakes.push(mistake);
        return bad;
    }
    // Whatever stands where nobody knows what is wanted is good: the type has a mistake of its own.
    let wanted = wanted.filter(|wanted| **wanted != Ty::Never);
    match (&tree.node, wanted) {
        (Node::Text(text), _) if text.as_str().contains("${") => match Interpolation::compile(text.as_str(), scope) {
            Ok(compiled) => {
                let ty = compiled.ty();
                let Some(wanted) = wanted.filter(|it| !it.is_unclear()) else { return (Given::Text(compiled), ty) };
                match (constant(text.as_str(), scope), ty.fits(wanted)) {
                    // What always holds this value is as good as the value written out: its words may be those of a
                    // choice, and a field that nobody knows is a slip of the pen.
                    (Some(value), fits) if !fits || matches!(wanted, Ty::Record(_) | Ty::List(_)) => {
                        match Value::from_json(&value.to_json(), wanted) {
                            Ok(_) => (Given::Text(compiled), wanted.clone()),
                            Err(why) => {
                                let inside = matches!(wanted, Ty::Record(_) | Ty::List(_) | Ty::Map(_) | Ty::Choice(_));
                                mistakes.push(misfit(tree, &ty, wanted, scope).maybe_help(inside.then_some(why)));
                                bad
                            }
                        }
                    }
                    (_, false) => {
                        mistakes.push(misfit(tree, &ty, wanted, scope));
                        bad
                    }
                    (_, true) => (Given::Text(compiled), ty),
                }
            }
            Err(wrongs) => {
                mistakes.extend(placed(wrongs, tree, 0, scope));
                bad
            }
        },
        (_, Some(Ty::Optional(_) | Ty::Null) | None) if tree.is_null() => (Given::Known(Value::Null), Ty::Null),
        (_, Some(Ty::Optional(inner))) => read(tree, Some(inner), scope, mistakes),
        (Node::List(items), Some(Ty::List(item))) => {
            let items: Vec<Given> = items.iter().map(|tree| read(tree, Some(item), scope, mistakes).0).collect();
            (gather_list(items), Ty::List(item.clone()))
        }
        (Node::Map(entries), Some(Ty::Map(item))) => {
            let fields =
                entries.iter().map(|(key, tree)| (key.text.clone(), read(tree, Some(item), scope, mistakes).0));
            (gather_record(fields.collect()), Ty::Map(item.clone()))
        }
        (Node::Map(_), Some(Ty::Record(record))) => (fields(tree, record, scope, mistakes), Ty::Record(record.clone())),
        (Node::List(items_tree), None) => {
            let (items, types): (Vec<Given>, Vec<Ty>) =
                items_tree.iter().map(|tree| read(tree, None, scope, mistakes)).unzip();
            let joined = types.iter().try_fold(Ty::Never, |all, ty| all.join(ty));
            let Some(item) = joined else {
                let fits_before =
                    |at: &usize| types[..=*at].iter().try_fold(Ty::Never, |all, ty| all.join(ty)).is_some();
                let odd = (1..types.len()).find(|at| !fits_before(at)).unwrap_or_default();
                let (first, other) = (with_article(&types[0]), with_article(&types[odd]));
                let message = format!("expected items of one type, found {first} and {other}");
                let mistake = Mistake::new("workflow::mixed_list", items_tree[odd].place, message);
                mistakes.push(mistake.related(items_tree[0].place, format!("this is {first}")));
                return bad;
            };
            let odd = odd_field(items_tree, &types);
            // What was meant is told where it is written, and not again where it is read.
            let item = if odd.is_some() { Ty::Never } else { item };
            mistakes.extend(odd);
            (gather_list(items), Ty::list(item))
        }
        (Node::Map(entries), None) => {
            let (fields, types): (Vec<_>, Vec<_>) = entries
                .iter()
                .map(|(key, tree)| {
                    let (given, ty) = read(tree, None, scope, mistakes);
                    let name = Name::parse(&key.text).map_err(|why| {
                        mistakes.push(Mistake::new("document::wrong_value", key.place, why));
                    });
                    ((key.text.clone(), given), name.ok().map(|name| (name, ty)))
                })
                .unzip();
            (gather_record(fields), Ty::written_record(types.into_iter().flatten()))
        }
        (_, Some(wanted)) => match literal(tree, wanted) {
            Ok(value) => (Given::Known(value), wanted.clone()),
            Err(mistake) => {
                mistakes.push(mistake);
                bad
            }
        },
        (_, None) => {
            let value = plain(tree);
            let ty = value_ty(&value);
            (Given::Known(value), ty)
        }
    }
}

/// A text that is the path of something here, or an expression in half of its signs, and would be taken letter by letter.
fn not_computed(tree: &Tree, scope: &Scope) -> Option<Mistake> {
    let text = tree.as_text().filter(|text| !text.contains("${"))?.trim();
    let is_wrapped = text.starts_with(['$', '{']) && text.ends_with('}');
    let bare = text.trim_start_matches(['$', '{']).trim_end_matches('}').trim();
    if !is_wrapped && !is_path(bare, scope) {
        return None;
    }
    let rule = Rule::compile(bare, scope).ok().filter(|rule| !rule.reads().is_empty())?;
    let message = format!("this would be taken as it is written, and not as what `{}` is", rule.text());
    let letters =
        if text.contains('\'') { String::new() } else { format!(", or `${{'{text}'}}` for these very letters") };
    Some(Mistake::new("workflow::not_computed", tree.place, message).help(format!("write `${{{bare}}}`{letters}")))
}

/// Whether names with dots between them are fields, one of the other. Of a mapping of any names, `config.yaml` may be a file.
fn is_path(text: &str, scope: &Scope) -> bool {
    let mut names = text.split('.');
    let mut ty = names.next().and_then(|root| scope.get(root));
    let mut fields = 0;
    for name in names {
        fields += 1;
        ty = match ty {
            Some(Ty::Optional(inner)) => Some(&**inner),
            other => other,
        };
        ty = match ty {
            Some(Ty::Record(record)) => {
                record.fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, ty)| ty)
            }
            _ => None,
        };
    }
    fields > 0 && ty.is_some()
}

/// The value of a text that only names a constant, such as `${rules.fee}`.
pub(super) fn constant<'s>(text: &str, scope: &'s Scope) -> Option<&'s Value> {
    let mut path = text.strip_prefix("${")?.strip_suffix('}')?.trim().split('.');
    let value = scope.constant(path.next()?)?;
    path.try_fold(value, |value, field| value.field(field))
}

/// Reads an expression without `${…}` around it; a bare number or truth value is one too.
pub(super) fn read_rule(tree: &Tree, wanted: &Ty, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Option<Rule> {
    if mistakes.len() >= MISTAKES_SOUGHT_MAX {
        return None;
    }
    let written = match &tree.node {
        Node::Text(text) => text.text.clone(),
        Node::Bool(value) => value.to_string().into(),
        Node::Whole(number) => number.to_string().into(),
        Node::Decimal(number) => format!("{number:?}").into(),
        Node::Null | Node::List(_) | Node::Map(_) => {
            let message = format!("expected an expression that gives {wanted}, found {}", tree.describe());
            mistakes.push(Mistake::new("document::wrong_type", tree.place, message));
            return None;
        }
    };
    // Authors wrap an expression in `${…}` out of habit: it means the same.
    let trimmed = written.trim();
    let (text, skipped) = match trimmed.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) if !inner.contains("${") => (inner, written.find("${").unwrap_or(0) + 2),
        _ => (&*written, 0),
    };
    match Rule::compile(text, scope) {
        Ok(rule) if rule.ty().fits(wanted) => Some(rule),
        Ok(rule) => {
            mistakes.push(misfit(tree, rule.ty(), wanted, scope));
            None
        }
        Err(wrongs) => {
            mistakes.extend(placed(wrongs, tree, skipped, scope));
            None
        }
    }
}

/// The fields of a record: unknown ones, missing ones and wrong ones are mistakes.
fn fields(tree: &Tree, record: &Arc<RecordTy>, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Given {
    let what = || record.name.as_ref().map_or_else(|| "this mapping".to_string(), |name| format!("`{name}`"));
    let mut found: Vec<(Arc<str>, Given)> = Vec::new();
    let mut meant = Vec::new();
    for (key, value) in tree.entries() {
        match record.fields.get(&*key.text) {
            Some(ty) => found.push((key.text.clone(), read(value, Some(ty), scope, mistakes).0)),
            None => {
                let free = record.fields.keys().map(Name::as_str).filter(|name| tree.get(name).is_none());
                meant.extend(near::nearest(&key.text, free));
                let help = near::did_you_mean(&key.text, record.fields.keys().map(Name::as_str));
                let message = format!("{} has no field `{}`", what(), key.text);
                mistakes.push(Mistake::new("workflow::unknown_field", key.place, message).maybe_help(help));
            }
        }
    }
    for (name, ty) in &record.fields {
        if tree.get(name.as_str()).is_some() {
            continue;
        }
        // What is probably there under a wrong name is not missing too.
        if !matches!(ty, Ty::Optional(_) | Ty::Null) && !meant.contains(&name.as_str()) {
            let message = format!("{} lacks its field `{name}`", what());
            mistakes.push(
                Mistake::new("workflow::missing_field", start(tree), message)
                    .help(format!("write `{name}:` with {}", with_article(ty))),
            );
        }
        found.push((name.shared().clone(), Given::Known(Value::Null)));
    }
    gather_record(found)
}

/// The first line of a mapping, so that a missing field does not underline all of it.
fn start(tree: &Tree) -> crate::base::Place {
    tree.entries().first().map_or(tree.place, |(key, _)| key.place)
}

/// A list, known if all its items are.
fn gather_list(items: Vec<Given>) -> Given {
    match items.iter().map(Given::known).collect::<Option<Arc<[Value]>>>() {
        Some(values) => Given::Known(Value::List(values)),
        None => Given::List(items.into()),
    }
}

fn gather_record(fields: Vec<(Arc<str>, Given)>) -> Given {
    if fields.iter().all(|(_, given)| matches!(given, Given::Known(_))) {
        let known = fields.iter().filter_map(|(name, given)| Some((name.clone(), given.known()?)));
        // As large as it is and no larger: there may be very many of these.
        let mut record: Vec<_> = Vec::with_capacity(fields.len());
        record.extend(known);
        return Given::Known(Value::Record(Arc::new(record.into_iter().collect())));
    }
    Given::Record(fields.into())
}

/// A written-out scalar, read as the type that is wanted.
fn literal(tree: &Tree, wanted: &Ty) -> Result<Value, Mistake> {
    let refuse = |why: String| Err(Mistake::new("document::wrong_value", tree.place, why));
    let scalar = |read: Result<Value, String>| read.or_else(refuse);
    Ok(match (&tree.node, wanted) {
        (Node::Bool(value), Ty::Bool) => Value::Bool(*value),
        (Node::Whole(number), Ty::Whole | Ty::Decimal) => Value::Whole(*number),
        (Node::Decimal(number), Ty::Decimal) => Value::Decimal(*number),
        (Node::Text(text), Ty::Text) => Value::text(text.text.clone()),
        (Node::Text(text), Ty::Choice(words)) => {
            if words.contains(&text.text) {
                return Ok(Value::text(text.text.clone()));
            }
            let help = near::did_you_mean(text.as_str(), words.iter().map(|word| &**word));
            let message = format!("expected {}, found `{}`", with_article(wanted), text.as_str());
            return Err(Mistake::new("document::unknown_word", tree.place, message).maybe_help(help));
        }
        (Node::Text(text), Ty::Span) => scalar(Span::parse(text.as_str()).map(Value::Span))?,
        (Node::Text(text), Ty::Tao) => scalar(Rao::parse(text.as_str()).map(Value::Tao))?,
        (Node::Text(text), Ty::Size) => scalar(Size::parse(text.as_str()).map(Value::Size))?,
        (Node::Text(text), Ty::Gpus) => scalar(GpuRequest::parse(text.as_str()).map(Value::Gpus))?,
        (Node::Text(text), Ty::Time) => {
            let why = format!("expected {}, found `{}`", with_article(wanted), text.as_str());
            scalar(text.as_str().parse().map(Value::Time).map_err(|_| why))?
        }
        _ => {
            let message = format!("expected {}, found {}", with_article(wanted), tree.describe());
            let mistake = Mistake::new("document::wrong_type", tree.place, message);
            return Err(match (&tree.node, wanted) {
                (Node::Whole(_) | Node::Decimal(_), Ty::Span) => {
                    mistake.help("write a unit, such as `90s`, `20m` or `1h30m`")
                }
                (Node::Whole(_) | Node::Decimal(_), Ty::Tao) => mistake.help("write the unit, such as `0.25 TAO`"),
                (Node::Whole(_) | Node::Decimal(_) | Node::Bool(_), Ty::Text) => {
                    mistake.help("put it in quotes to make it a text")
                }
                _ => mistake,
            });
        }
    })
}

/// A written-out value at a place that wants no type. Texts that look like an amount, a length of time, a size, GPUs or
/// a moment are read as such: that is how `rules` get their types.
pub(super) fn plain(tree: &Tree) -> Value {
    match &tree.node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Whole(number) => Value::Whole(*number),
        Node::Decimal(number) => Value::Decimal(*number),
        Node::List(items) => Value::list(items.iter().map(plain)),
        Node::Map(entries) => Value::record(entries.iter().map(|(key, tree)| (key.text.clone(), plain(tree)))),
        Node::Text(text) => {
            let written = text.as_str();
            let as_span = Span::parse(written).ok().map(Value::Span);
            let as_tao = || Rao::parse(written).ok().map(Value::Tao);
            let as_size = || Size::parse(written).ok().map(Value::Size);
            let as_gpus = || GpuRequest::parse(written).ok().map(Value::Gpus);
            let as_time = || written.parse().ok().map(Value::Time);
            as_span
                .or_else(as_tao)
                .or_else(as_size)
                .or_else(as_gpus)
                .or_else(as_time)
                .unwrap_or_else(|| Value::text(text.text.clone()))
        }
    }
}

fn value_ty(value: &Value) -> Ty {
    match value {
        Value::Null => Ty::Null,
        Value::Bool(_) => Ty::Bool,
        Value::Whole(_) => Ty::Whole,
        Value::Decimal(_) => Ty::Decimal,
        Value::Text(_) => Ty::Text,
        Value::Span(_) => Ty::Span,
        Value::Time(_) => Ty::Time,
        Value::Tao(_) => Ty::Tao,
        Value::Size(_) => Ty::Size,
        Value::Gpus(_) => Ty::Gpus,
        Value::List(_) | Value::Record(_) => Ty::Never,
    }
}

/// The mistakes of an expression, placed in the file.
fn placed<'a>(
    wrongs: Vec<Wrong>,
    tree: &'a Tree,
    skipped: usize,
    scope: &'a Scope,
) -> impl Iterator<Item = Mistake> + 'a {
    wrongs.into_iter().map(move |wrong| {
        let bytes = wrong.bytes.start + skipped..wrong.bytes.end + skipped;
        let text = tree.as_text().map_or("", |text| text);
        let piece = text.get(bytes.clone()).unwrap_or_default();
        let no_table = wrong.code == "rule::unknown_function" && wrong.message.contains("`gpus`");
        let mistake = Mistake::new(wrong.code, tree.part(bytes.clone()), wrong.message).maybe_help(wrong.help);
        let mistake =
            mistake.maybe_help(no_table.then(|| "add a `gpus` table to the workflow: `gpus(…)` asks it".into()));
        origin::blame(meant::field(mistake, text, &bytes, scope), piece, scope)
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        base::SourceId,
        document::parse,
        workflow::{Checked, check},
    };

    /// The first mistake of a workflow that hands this rule to `draw`.
    fn mistake(rule: &str) -> Option<(String, Option<String>)> {
        let text = format!(
            "god_flow: 1\nworkflow: w\nrules: {{ draw: {rule} }}\ninputs: {{ entrants: {{ type: entrants }} }}\nsteps:\n  \
             draw: {{ draw: {{ field: \"${{inputs.entrants}}\", shapes: \"${{rules.draw}}\" }} }}\ngives: {{ m: \"${{draw}}\" }}\n"
        );
        let tree = parse(SourceId::default(), &text).0.unwrap();
        match check(&tree) {
            Ok(Checked::Workflow(_)) => None,
            Ok(Checked::Part(_)) => panic!("it is no part"),
            Err(mistakes) => mistakes.into_iter().next().map(|it| (it.message, it.help)),
        }
    }

    /// The first mistake of a workflow with these steps.
    fn mistake_of(steps: &str) -> Option<(String, Option<String>)> {
        let text = format!("god_flow: 1\nworkflow: w\nrules: {{ few: -1, many: 2 }}\nsteps:\n{steps}");
        let tree = parse(SourceId::default(), &text).0.unwrap();
        let mistakes = check(&tree).err().unwrap_or_default();
        let first = mistakes.into_iter().find(|it| it.code != "workflow::unused_rule");
        first.map(|first| (first.message, first.help))
    }

    #[test]
    fn a_field_that_was_written_out_and_that_nobody_asks_for_is_a_slip() {
        let contest = |results: &str, tasks: &str| {
            format!(
                "  r:\n    value:\n      - {{ hotkey: a, loss: \"${{1.0}}\", finetune: true }}\n      - {{ {results} }}\n  t:\n    \
                 contest: {{ champion: a, challenger: b, tasks: \"${{{tasks}}}\", wins: 1, rules: {{ margin: {{ start: 0.05, \
                 decay: 0.8, floor: 0.03 }}, title: {{ more_than: 0.5 }} }} }}\n"
            )
        };
        let tasks = "[{'id': 't', 'better': 'lower', 'results': r}]";
        assert_eq!(mistake_of(&contest("hotkey: b, loss: \"${0.1}\", finetune: false", tasks)), None);
        let (_, help) = mistake_of(&contest("hotkey: b, loss: \"${0.1}\", fineetune: false", tasks)).unwrap();
        assert!(help.unwrap().starts_with("did you mean `finetune`?"));
        let beter = "[{'id': 't', 'better': 'lower', 'beter': 'lower', 'results': r}]";
        let (_, help) = mistake_of(&contest("hotkey: b, loss: \"${0.1}\"", beter)).unwrap();
        assert_eq!(help.as_deref(), Some("there is no field `beter`; did you mean `better`?"));
        let computed = "  s: { score: { results: \"${['a'].map(h, {'hotkey': h, 'los': 0.5})}\", better: lower } }\n";
        let (_, help) = mistake_of(computed).unwrap();
        assert_eq!(help.as_deref(), Some("there is no field `los`; did you mean `loss`?"));
    }

    #[test]
    fn each_rule_that_a_condition_chooses_is_held_against_its_field() {
        let hours = |top: &str| {
            format!(
                "  s: {{ process: {{ command: [\"true\"], outputs: {{ many: bool }} }} }}\n  a: {{ advance: {{ matches: [], champion: a, first: true, last: false, rules: {{}}, top: \"${{{top}}}\" }} }}\n"
            )
        };
        assert_eq!(mistake_of(&hours("s.many ? rules.many : rules.many + 1")), None);
        let (message, _) = mistake_of(&hours("s.many ? rules.many : rules.few")).unwrap();
        assert_eq!(message, "expected a whole number of at least 0, found -1");
    }

    #[test]
    fn what_the_rules_hold_is_as_good_as_written_out() {
        assert_eq!(mistake("{ pairs: { up_to: 14, odd: bye } }"), None);
        for (rule, wrong) in [
            ("{ pairs: { up_to: 14, odd: by } }", "expected `champion_fills` or `bye`, found `by`"),
            ("{ pairs: { upto: 14, odd: bye } }", "there is no key `upto` here"),
            ("{ pairs: { up_to: many, odd: bye } }", "expected a whole number, found text `many`"),
        ] {
            assert_eq!(mistake(rule).unwrap().0, wrong, "{rule}");
        }
    }
}
