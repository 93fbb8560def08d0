//! Who is charged with what ran out of time.

use super::*;

#[test]
fn nobody_who_takes_part_is_charged_with_a_slow_transfer() {
    for (step, blame) in [
        ("download: { model: o/m }", "host"),
        ("clone: { repository: 'https://github.com/o/r', commit: 0a23456789012345678901234567890123456789 }", "host"),
        (WORK, "entrant"),
        ("process: { command: [sleep, '9'] }", "operator"),
    ] {
        let mut run = Played::of(&format!("steps:\n  a:\n    {step}\n    time_limit: 1h\n")).host("h", 1);
        run.turn(3_600, [Input::Tick]);
        run.report(5, "a", Report::CutShort { output: None });
        assert_eq!(run.outcome()["failed"]["failure"]["blame"], blame, "{step}");
    }
}
