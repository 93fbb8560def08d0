//! Small files that once took the program down, or the whole of an afternoon. Each has to be answered, and soon.

use std::sync::Arc;

use god_flow::{
    base::{GpuKind, Seed, SourceId, Value},
    document,
    plan::{self, cost::Costs, foresee, foresee_within, sampled_inputs},
    rule::{Env, Failure, Interpolation, Scope},
    workflow::{self, Checked, Workflow},
};

fn check(text: &str) -> Result<Arc<Workflow>, Vec<&'static str>> {
    let (tree, mistakes) = document::parse(SourceId(0), text);
    assert_eq!(mistakes, [], "{text}");
    match workflow::check(&tree.expect("a tree without mistakes")) {
        Ok(Checked::Workflow(workflow)) => Ok(Arc::new(*workflow)),
        Ok(Checked::Part(name)) => panic!("{name} is a part"),
        Err(mistakes) => Err(mistakes.iter().map(|it| it.code).collect()),
    }
}

/// A workflow with lines that are made by number.
fn many(head: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let lines: String = (0..count).map(|i| line(i) + "\n").collect();
    format!("god_flow: 1\nworkflow: many\n{head}{lines}")
}

#[test]
fn a_circle_of_many_steps_does_not_exhaust_the_stack() {
    let count = 20_000;
    let text = many("steps:\n", count, |i| format!("  s{i}: {{ value: 1, needs: [s{}] }}", (i + 1) % count));
    assert_eq!(check(&text).map(drop), Err(vec!["workflow::cycle"]));
}

#[test]
fn what_holds_others_twice_is_refused_before_it_has_no_end() {
    let types = many("steps: { a: { value: 1 } }\ntypes:\n  t0: { a: text, b: text }\n", 40, |i| {
        format!("  t{}: {{ a: t{i}, b: t{i} }}", i + 1)
    });
    let steps = many("steps:\n  s0: { value: { a: 1, b: 2 } }\n", 40, |i| {
        format!("  s{}: {{ value: {{ a: \"${{s{i}}}\", b: \"${{s{i}}}\" }} }}", i + 1)
    });
    let templates = many("steps: { a: { use: t15 } }\ntemplates:\n  t0: { steps: { a: { value: 1 } } }\n", 15, |i| {
        format!("  t{}: {{ steps: {{ a: {{ use: t{i} }}, b: {{ use: t{i} }}, c: {{ use: t{i} }} }} }}", i + 1)
    });
    for text in [types, steps, templates] {
        let codes = check(&text).expect_err("it is too large");
        assert!(codes.contains(&"workflow::too_large"), "{codes:?}");
    }
}

#[test]
fn a_plan_is_given_up_when_it_grows_too_large() {
    let text = "god_flow: 1\nworkflow: rounds\nsteps:\n  a: { repeat: t1, carry: { x: 0 }, until: carry.x > 999, at_most: 1000 }\n\
        templates:\n  t1:\n    takes: { x: whole }\n    steps:\n      \
        a: { repeat: t0, carry: { x: \"${x - x}\" }, until: carry.x > 999, at_most: 1000 }\n      \
        b: { value: \"${x + 1 + (a.x - a.x)}\" }\n    gives: { x: \"${b}\" }\n  \
        t0: { takes: { x: whole }, steps: { a: { value: \"${x + 1}\" } }, gives: { x: \"${a}\" } }\n";
    let workflow = check(text).expect("it is good");
    let inputs = sampled_inputs(&workflow, &indexmap::IndexMap::default(), None, Seed(1)).expect("it has none");
    let stuck = foresee_within(workflow, inputs, Seed(1), 10_000).map(drop).expect_err("it has millions");
    assert_eq!(stuck.trouble, plan::Trouble::TooManyNodes(10_000));
}

#[test]
fn a_file_of_nothing_but_mistakes_is_answered_soon() {
    type Line = fn(usize) -> String;
    let heads: [(&str, Line); 6] = [
        ("steps: { a: { value: 1 } }\n", |i| format!("key{i}: 1")),
        ("steps: { a: { value: \"${rules.rule}\" } }\nrules:\n", |i| format!("  rule{i}: {i}")),
        ("steps:\n", |i| format!("  s{i}: {{ value: 1, needs: [needed{i}] }}")),
        ("steps:\n", |i| format!("  s{i}: {{ value: \"${{other{i}}}\" }}")),
        ("steps: { a: { value: 1 } }\ntypes:\n", |i| format!("  t{i}: unknown{i}")),
        ("rules: { l: [a] }\nsteps:\n", |i| {
            format!("  s{i}: {{ for_each: {{ x: \"${{rules.l}}\", key: \"${{x}}\" }}, value: \"${{y{i}}}\" }}")
        }),
    ];
    for (head, line) in heads {
        let started = std::time::Instant::now();
        assert!(check(&many(head, 4_000, line)).is_err());
        let took = started.elapsed().as_secs();
        assert!(took < 30, "{head}: {took} s");
    }
}

/// One text of some hundred costly expressions took as many times the work that one may take.
#[test]
fn the_parts_of_one_text_share_the_work_that_is_allowed() {
    struct Nothing;
    impl Env for Nothing {
        fn value(&self, _: &str) -> Option<Value> {
            None
        }
        fn call(&self, _: &str, _: &[Value]) -> Result<Value, Failure> {
            Err(Failure::DivisionByZero)
        }
    }
    let costly = "${range(1000).exists(i, range(2000).exists(j, j < 0))} ";
    let eval = |text: &str| Interpolation::compile(text, &Scope::new()).expect("it is good").eval(&Nothing);
    assert!(eval(costly).is_ok());
    assert_eq!(eval(&costly.repeat(5)), Err(Failure::TooMuchWork));
}

#[test]
fn an_estimate_does_not_look_at_all_that_waits_whenever_one_is_done() {
    let text = "god_flow: 1\nworkflow: wide\ninputs: { texts: { type: \"[text]\" } }\nsteps:\n  a:\n    \
        for_each: { text: \"${inputs.texts}\", key: \"${text}\" }\n    \
        container: { image: example/tool:1, command: [\"${text}\"] }\n    gpus: 1xH100\n    expect: 1h\n";
    let workflow = check(text).expect("it is good");
    let inputs =
        sampled_inputs(&workflow, &indexmap::IndexMap::default(), Some(100_000), Seed(1)).expect("they are made up");
    let foreseen = foresee(workflow, inputs, Seed(1)).expect("it goes to its end");
    let costs = Costs::of(&foreseen).map_err(|(_, trouble)| trouble).expect("every cost is known");
    let fleet = [(GpuKind::parse("H100").expect("a kind"), 32)].into();
    let estimate = costs.estimate(&foreseen, &fleet).expect("they all fit");
    assert_eq!((estimate.length.hours(), estimate.busy), (3_125.0, 1.0));
}
