//! Figures: what the Miner Guide states and what the deployed code holds as constants, beside the rules of the workflows.

use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation};

pub const TOPICS: &[(&str, Translation)] = &[("facts", facts)];

/// Figures that the Miner Guide states.
fn facts(case: &Case) -> Result<Json, Missed> {
    let fact = case.input.as_str().unwrap_or_default();
    Ok(match fact {
        "knockout_field_max" => {
            json!({"text": case.rule("text", "draw.pairs.up_to")?, "image": case.rule("image", "draw.pairs.up_to")?})
        }
        "group_advance" => json!({
            "text": case.rule("text", "group.advance")?,
            "image": case.rule("image", "group.advance")?,
            "environment": case.rule("environment", "group.advance")?,
        }),
        "cpus_per_gpu" => case.rule("text", "entry.cpus_per_gpu")?,
        other => return Err(Missed::NotApplicable(format!("no rule yet for {other}"))),
    })
}
