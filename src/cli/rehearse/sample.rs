//! What a rehearsal trains on where the person gives nothing: a few rows of each kind of task, and a model without weights.

use std::{
    fs,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::action::vocabulary::TaskKind;

/// Rows that are made up.
const ROWS: usize = 32;
/// Rows of an environment task, all of which say the same: that is what a tournament has.
const ROWS_OF_ENVIRONMENT: usize = 1_000;

/// A file with made-up rows.
pub(super) fn data(kind: TaskKind, folder: &Path) -> Result<PathBuf, String> {
    let row = |n: usize| -> Option<Json> {
        let (question, answer) = (format!("What is {n} and {n}?"), (2 * n).to_string());
        Some(match kind {
            TaskKind::Instruct => json!({ "instruct": question, "output": answer }),
            TaskKind::Chat => json!({ "conversations": [
                { "from": "user", "value": question }, { "from": "assistant", "value": answer }
            ] }),
            TaskKind::Dpo => json!({ "prompt": question, "chosen": answer, "rejected": "nobody knows" }),
            TaskKind::Grpo => json!({ "prompt": question }),
            TaskKind::Environment => json!({ "prompt": "Interact with this environment." }),
            TaskKind::Image => return None,
        })
    };
    let rows = if kind == TaskKind::Environment { ROWS_OF_ENVIRONMENT } else { ROWS };
    let rows: Option<Vec<Json>> = (0..rows).map(row).collect();
    let rows = rows.ok_or("an image task needs --dataset: a zip file of pictures and their captions")?;
    write(folder.join(format!("{}.json", kind.word())), &Json::from(rows))
}

/// How those rows are laid out.
pub(super) fn columns(kind: TaskKind) -> IndexMap<String, String> {
    let of = |columns: &[(&str, &str)]| {
        columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<IndexMap<_, _>>()
    };
    match kind {
        TaskKind::Instruct => of(&[("field_instruction", "instruct"), ("field_output", "output")]),
        TaskKind::Dpo => of(&[("field_prompt", "prompt"), ("field_chosen", "chosen"), ("field_rejected", "rejected")]),
        TaskKind::Grpo => {
            let source = "def reward_short(completions, **kwargs):\n    return [1.0 / (1 + len(text)) for text in completions]\n";
            let functions = json!([{
                "reward_id": "rehearsal", "reward_func": source, "reward_weight": 1.0, "func_hash": "rehearsal",
                "is_generic": true, "is_manual": false,
            }]);
            of(&[("field_prompt", "prompt"), ("reward_functions", &functions.to_string())])
        }
        TaskKind::Chat | TaskKind::Environment | TaskKind::Image => IndexMap::new(),
    }
}

/// A folder that looks like a model and has no weights.
pub(super) fn model(folder: &Path) -> Result<PathBuf, String> {
    let folder = folder.join("stand-in");
    let config =
        json!({ "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 64 });
    write(folder.join("config.json"), &config)?;
    Ok(folder)
}

/// Writes a file unless it says the same already, so that it is known again.
fn write(path: PathBuf, content: &Json) -> Result<PathBuf, String> {
    let text = content.to_string();
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(path);
    }
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    fs::write(&path, text).map_err(failed)?;
    Ok(path)
}
