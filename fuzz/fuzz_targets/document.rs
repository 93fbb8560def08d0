//! Any bytes, read as YAML and held against the schemas.
#![no_main]

use god_flow::document::{parse, shape, types};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (source, sources) = god_flow_fuzz::alone(&text);
    let (tree, mut mistakes) = parse(source, &text);
    if let Some(tree) = tree {
        shape::check(&tree, types::workflow_schema(), &types::read_format, &mut mistakes);
        shape::check(&tree, types::part_schema(), &types::read_format, &mut mistakes);
        tree.to_json();
    }
    god_flow_fuzz::standing(&mistakes, &sources);
});
