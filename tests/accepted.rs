//! Whatever `check` accepts can be planned: the plan grows to its end or says where it cannot, and it is a DAG.

use std::{collections::BTreeSet, sync::Arc};

use god_flow::{
    base::{Seed, SourceId},
    document::parse,
    plan::{
        Part, Trouble,
        cost::Costs,
        draw::{Graph, Lines, dot, mermaid, tree},
        foresee, outline, sampled_inputs,
    },
    rule::Failure,
    workflow::{Checked, Workflow, check},
};
use proptest::{prelude::*, sample::select};

/// A step as it is drawn from the pool: what it does, and how.
#[derive(Clone, Debug)]
struct Drawn {
    does: usize,
    value: usize,
    reads: usize,
    when: Option<usize>,
    needs: Option<usize>,
    each: bool,
}

/// Expressions over what every body sees; `LIST`, `NUMBER` and `STEP` are filled in with what there is.
const VALUES: [&str; 16] = [
    "${NUMBER + 1}",
    "${NUMBER * rules.few - 2}",
    "${whole_div(NUMBER, rules.few)}",
    "${NUMBER % size(LIST)}",
    "${size(LIST)}",
    "${LIST.map(x, x + NUMBER)}",
    "${LIST.filter(x, x > rules.few)}",
    "${LIST.top(2)}",
    "${LIST[0]}",
    "${LIST.chunks(2)}",
    "${{'n': NUMBER, 'items': LIST}}",
    "${rules.name} and ${NUMBER}",
    "${STEP}",
    "${size(LIST) > 2 ? 'many' : 'few'}",
    "${LIST.exists(x, x == NUMBER)}",
    "plain",
];
const CONDITIONS: [&str; 4] = ["size(LIST) > 1", "NUMBER < rules.few", "rules.few == 3", "NUMBER % 2 == 0"];
/// Lists of whole numbers and whole numbers that are in scope in the main body, and in a template.
const IN_MAIN: ([&str; 2], [&str; 2]) = (["rules.numbers", "inputs.given"], ["rules.few", "inputs.number"]);
const IN_TEMPLATE: ([&str; 2], [&str; 2]) = (["list", "rules.numbers"], ["n", "rules.few"]);

fn drawn() -> impl Strategy<Value = Drawn> {
    let maybe = || prop::option::weighted(0.3, 0..8usize);
    (0..10usize, 0..VALUES.len(), 0..8usize, maybe(), maybe(), prop::bool::weighted(0.25))
        .prop_map(|(does, value, reads, when, needs, each)| Drawn { does, value, reads, when, needs, each })
}

fn fill(pattern: &str, drawn: &Drawn, scope: &([&str; 2], [&str; 2]), before: &[String]) -> String {
    let step = before.get(drawn.reads % before.len().max(1)).map_or(scope.1[0], String::as_str);
    pattern.replace("LIST", scope.0[drawn.reads % 2]).replace("NUMBER", scope.1[drawn.value % 2]).replace("STEP", step)
}

/// The steps of one body. `uses` are the templates that it may use, all of which take `list` and `n` and give `list`.
fn steps(all: &[Drawn], scope: &([&str; 2], [&str; 2]), uses: &[&str], indent: &str) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut names: Vec<String> = Vec::new();
    for (i, drawn) in all.iter().enumerate() {
        let name = format!("s{i}");
        text.push_str(&format!("{indent}{name}:\n"));
        let (list, number) = (scope.0[drawn.value % 2], scope.1[drawn.reads % 2]);
        let template = (!uses.is_empty()).then(|| uses[drawn.reads % uses.len().max(1)]);
        let each = drawn.each && drawn.does != 9;
        if each {
            text.push_str(&format!("{indent}  for_each: {{ item: \"${{{list}}}\", key: \"k${{item}}\" }}\n"));
        }
        match (drawn.does, template) {
            (7 | 8, Some(template)) => {
                let n = if each { "item" } else { number };
                text.push_str(&format!(
                    "{indent}  use: {template}\n{indent}  with: {{ list: \"${{{list}}}\", n: \"${{{n}}}\" }}\n"
                ));
                if drawn.does == 8 {
                    text.push_str(&format!("{indent}  on_failure: result\n"));
                }
            }
            (9, Some(template)) => text.push_str(&format!(
                "{indent}  repeat: {template}\n{indent}  carry: {{ list: \"${{{list}}}\" }}\n{indent}  with: {{ n: \"${{{number}}}\" }}\n\
                 {indent}  until: \"size(carry.list) <= {} || number > {}\"\n{indent}  at_most: 5\n",
                drawn.value % 3,
                2 + drawn.reads % 5
            )),
            _ => {
                let value = fill(VALUES[drawn.value], drawn, scope, &names);
                text.push_str(&format!("{indent}  value: \"{value}\"\n"));
            }
        }
        if let Some(when) = drawn.when {
            let when = fill(CONDITIONS[when % CONDITIONS.len()], drawn, scope, &names);
            text.push_str(&format!("{indent}  when: \"{when}\"\n"));
        }
        if let (Some(need), false) = (drawn.needs, names.is_empty()) {
            text.push_str(&format!("{indent}  needs: [{}]\n", names[need % names.len()]));
        }
        names.push(name);
    }
    (text, names)
}

/// A workflow whose templates use only those below them, and now and then a slip that makes it wrong.
fn workflows() -> impl Strategy<Value = String> {
    let body = |most: usize| prop::collection::vec(drawn(), 1..=most);
    let slip =
        prop::option::weighted(0.05, select(vec![("rules.few", "rules.fwe"), ("use: t", "use: u"), ("s0", "s1")]));
    (body(6), prop::collection::vec(body(4), 0..3), slip).prop_map(|(main, templates, slip)| {
        let names: Vec<String> = (0..templates.len()).map(|i| format!("t{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut text = String::from(
            "god_flow: 1\nworkflow: drawn\ninputs:\n  given: { type: '[whole]', about: Some numbers }\n  \
             number: { type: whole, about: A number }\nrules: { few: 3, name: Ada, numbers: [4, 1, 3] }\n",
        );
        let (main, read) = steps(&main, &IN_MAIN, &names, "  ");
        text.push_str(&format!("steps:\n{main}"));
        // Everything that is declared is read, and every template is used.
        for name in &names {
            text.push_str(&format!("  use_{name}:\n    use: {name}\n    with: {{ list: \"${{inputs.given}}\", n: 2 }}\n"));
        }
        if !names.is_empty() {
            text.push_str("templates:\n");
        }
        for (i, body) in templates.iter().enumerate() {
            let (steps, _) = steps(body, &IN_TEMPLATE, &names[i + 1..], "      ");
            text.push_str(&format!(
                "  t{i}:\n    takes: {{ list: '[whole]', n: whole }}\n    steps:\n{steps}    gives: {{ list: \"${{list.filter(x, x != n)}}\" }}\n"
            ));
        }
        let results: Vec<String> = read.iter().map(|name| format!("  {name}: \"${{{name}}}\"\n")).collect();
        text.push_str(&format!(
            "gives:\n{}  total: \"${{rules.few + inputs.number + size(inputs.given) + size(rules.numbers) + size(rules.name)}}\"\n",
            results.concat()
        ));
        slip.map_or(text.clone(), |(right, wrong)| text.replacen(right, wrong, 1))
    })
}

fn accepted(text: &str) -> Option<Arc<Workflow>> {
    let (tree, mistakes) = parse(SourceId(0), text);
    match check(&tree.expect("what is drawn is YAML")) {
        Ok(Checked::Workflow(workflow)) if mistakes.is_empty() => Some(Arc::new(*workflow)),
        _ => None,
    }
}

fn hold(text: &str, items: usize, seed: Seed) -> Result<(), TestCaseError> {
    let Some(workflow) = accepted(text) else { return Ok(()) };
    for drawing in [mermaid(&workflow), dot(&workflow), tree("drawn", &outline::outline(&workflow), Lines::Unicode)] {
        prop_assert!(!drawing.is_empty());
    }
    prop_assert!(!Graph::of(&workflow).steps.is_empty());

    let inputs = sampled_inputs(&workflow, &indexmap::IndexMap::default(), Some(items), seed)
        .expect("all inputs can be made up");
    // A plan that comes to a stop says where and why, as a value; anything else would have panicked.
    let foreseen = match foresee(workflow, inputs, seed) {
        Ok(foreseen) => foreseen,
        Err(stuck) => {
            prop_assert!(!stuck.node.is_empty() && !stuck.trouble.to_string().is_empty());
            prop_assert!(is_of_values(&stuck.trouble), "{}: {}\n{}", stuck.node, stuck.trouble, text);
            return Ok(());
        }
    };
    let plan = &foreseen.plan;
    prop_assert!(petgraph::algo::toposort(plan.graph(), None).is_ok(), "the plan has a circle\n{}", text);
    let ids: BTreeSet<String> = plan.nodes().map(|node| plan.id(node)).collect();
    prop_assert_eq!(ids.len(), plan.graph().node_count(), "ids are unique\n{}", text);
    for node in plan.nodes() {
        let at = plan.node(node);
        if matches!(at.part, Part::Task | Part::Open) {
            for need in &plan.step(node).needs {
                let from = plan.end(at.frame, *need);
                prop_assert!(plan.graph().contains_edge(from, node), "{} waits for {}", plan.id(node), plan.id(from));
            }
        }
    }
    let costs = Costs::of(&foreseen);
    if let Err((node, trouble)) = &costs {
        prop_assert!(is_of_values(trouble), "{}: {}\n{}", plan.id(*node), trouble, text);
    }
    if let Ok(costs) = costs {
        let rows = outline::counted(&foreseen, &costs);
        prop_assert!(!tree("drawn", &rows, Lines::Ascii).is_empty());
        prop_assert!(outline::chain(&foreseen, &costs).iter().all(|id| ids.contains(id)));
    }
    Ok(())
}

/// Whether a trouble comes of the values alone: that a name had none, or one of another type, the check has ruled out.
fn is_of_values(trouble: &Trouble) -> bool {
    !matches!(trouble, Trouble::Rule(Failure::Unfit { .. } | Failure::NoValue { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_accepted_can_be_planned_and_drawn(text in workflows(), items in 0..6usize, seed in any::<u64>()) {
        hold(&text, items, Seed(seed))?;
    }
}

#[test]
fn most_of_what_is_drawn_is_accepted() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut good, mut planned) = (0, 0);
    for _ in 0..200 {
        let text = workflows().new_tree(&mut runner).expect("a workflow can be drawn").current();
        let Some(workflow) = accepted(&text) else { continue };
        good += 1;
        let inputs =
            sampled_inputs(&workflow, &indexmap::IndexMap::default(), Some(3), Seed(1)).expect("inputs can be made up");
        planned += usize::from(foresee(workflow, inputs, Seed(1)).is_ok());
    }
    assert!(good > 120 && planned > 60, "of 200 workflows {good} are accepted and {planned} planned to their end");
}
