//! `${…}` within texts.

use serde_json::json;

use super::{Interpolation, Ty, world};

#[test]
fn what_a_text_with_expressions_stands_for() {
    let world = world();
    for (text, expected) in [
        ("plain", json!("plain")),
        ("", json!("")),
        ("${wins}", json!(3)),
        ("${wins + 1}", json!(4)),
        (" ${wins}", json!(" 3")),
        ("${wins}${wins}", json!("33")),
        ("fee ${rules.fee}, limit ${limit}", json!("fee 0.25 TAO, limit 6h")),
        ("${entrants.map(e, e.hotkey)}", json!(["5Fa", "5Fb", "5Fc"])),
        ("${ {'id': id} }", json!({"id": "pair-03"})),
        ("${{'id': id}}", json!({"id": "pair-03"})),
        ("a${{'id': '}'}.id}b", json!("a}b")),
        ("${'a}b'}c", json!("a}bc")),
        ("${\"it's }\"}c", json!("it's }c")),
        ("${'\\'}'}c", json!("'}c")),
        ("$${wins}", json!("${wins}")),
        ("a $${x} ${wins}", json!("a ${x} 3")),
        ("cost: 5$ ${wins}$", json!("cost: 5$ 3$")),
        ("${wins}$${wins}", json!("3${wins}")),
        ("$ {wins} $wins {wins}", json!("$ {wins} $wins {wins}")),
        ("é${id}é", json!("épair-03é")),
        ("${no_text}", json!(null)),
        ("${no_text.or('-')}!", json!("-!")),
    ] {
        let compiled = Interpolation::compile(text, &world.scope).unwrap_or_else(|wrongs| panic!("{text}: {wrongs:?}"));
        let value = compiled.eval(&world).unwrap();
        assert_eq!(value.to_json(), expected, "{text}");
        assert!(value.is(&compiled.ty()), "{text}");
    }
}

#[test]
fn what_is_known_of_it() {
    let world = world();
    let compile = |text| Interpolation::compile(text, &world.scope).unwrap();
    assert!(compile("plain $${x}").is_plain() && !compile("${wins}").is_plain());
    assert_eq!(compile("${rules.fee}").ty(), Ty::Tao);
    assert_eq!(compile("${rules.fee} each").ty(), Ty::Text);
    let both = compile("${rules.fee} ${gpus(task)} ${rules.fee} ${wins}");
    let reads: Vec<String> = both.reads().iter().map(|path| path.join(".")).collect();
    assert_eq!(reads, ["rules.fee", "task", "wins"]);
    assert_eq!(both.calls().iter().map(crate::base::Name::as_str).collect::<Vec<_>>(), ["gpus"]);
}

#[test]
fn mistakes_stand_where_they_are_in_the_whole_text() {
    let world = world();
    for (text, expected) in [
        ("a ${wns} b ${is}", &[("rule::unknown_name", "wns"), ("rule::unknown_name", "is")][..]),
        ("é ${wins + } b ${wns}", &[("rule::syntax", ""), ("rule::unknown_name", "wns")]),
        ("a ${wins", &[("rule::unclosed", "${")]),
        ("a ${'b} c", &[("rule::unclosed", "'")]),
        ("a ${}", &[("rule::syntax", "")]),
        ("a ${entrants}", &[("rule::wrong_type", "entrants")]),
        ("a ${boss}", &[("rule::wrong_type", "boss")]),
        ("a ${points}", &[("rule::wrong_type", "points")]),
        ("a ${no_loss}", &[("rule::optional", "no_loss")]),
        ("a ${no_loss} ${wns}", &[("rule::optional", "no_loss"), ("rule::unknown_name", "wns")]),
    ] {
        let wrongs = Interpolation::compile(text, &world.scope).map(|_| ()).unwrap_err();
        let found: Vec<(&str, &str)> = wrongs.iter().map(|wrong| (wrong.code, &text[wrong.bytes.clone()])).collect();
        assert_eq!(found, expected, "{text}: {wrongs:#?}");
    }
    let help = |text| Interpolation::compile(text, &world.scope).map(|_| ()).unwrap_err()[0].help.clone().unwrap();
    assert_eq!(help("a ${counts}"), "write `counts.join(', ')`");
    assert_eq!(help("a ${boss}"), "pick a field, such as `boss.hotkey`");
    assert_eq!(help("a ${no_loss}"), "write `no_loss.or('…')`");
}
