//! The book of rules, and what a change changes in it, as a maintainer reads them.

use std::process::Command;

const WORKFLOW: &str = "\
god_flow: 1
workflow: cup
about: A small cup
inputs:
  entrants: { type: entrants, about: Who takes part }
  task: { type: task, about: What is trained }
rules:
  draw: { pairs: { up_to: 14, odd: champion_fills }, groups: { about: 32, at_least: 20 } }
  margin: 0.05
schedule: { every: week, on: thursday, at: \"14:00\", window: 1h }
gpus:
  size: task.params_b
  rows: [{ up_to: 4, need: 1xH100 }, { need: 8xH100 }]
steps:
  draw:
    draw: { field: \"${inputs.entrants}\", shapes: \"${rules.draw}\" }
  train:
    container: { image: example/train:1, outputs: { loss: decimal } }
    gpus: \"${gpus(inputs.task)}\"
    time_limit: 6h
    retry: { exit_code: 1 }
    on_failure: hold
  better:
    value: \"${size(draw.matches) * rules.margin}\"
gives:
  better: \"${better}\"
  loss: \"${train.loss}\"
";

fn told(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("cup.yaml"), WORKFLOW).expect("the folder is writable");
    let changed =
        WORKFLOW.replace("up_to: 14", "up_to: 10").replace("14:00", "15:00").replace("up_to: 4,", "up_to: 5,");
    std::fs::write(folder.path().join("changed.yaml"), changed).expect("the folder is writable");
    let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .args(arguments)
        .current_dir(folder.path())
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn a_workflow_is_told_in_sentences() {
    insta::assert_snapshot!("book", told(&["rules", "cup.yaml"]));
}

#[test]
fn a_change_is_told_in_the_same_words() {
    insta::assert_snapshot!("change", told(&["diff", "cup.yaml", "changed.yaml", "--set", "rules.margin=0.03"]));
    assert_eq!(told(&["diff", "cup.yaml", "cup.yaml"]), "");
}

#[test]
fn programs_read_both_too() {
    let book: serde_json::Value = serde_json::from_str(&told(&["--json", "rules", "cup.yaml"])).expect("it is JSON");
    assert_eq!(book["chapters"][0]["path"], "schedule");
    let changes = told(&["--json", "diff", "cup.yaml", "cup.yaml", "--set", "rules.margin=0.03"]);
    let changes: serde_json::Value = serde_json::from_str(&changes).expect("it is JSON");
    assert_eq!(changes["changes"][0]["after"]["rules"], serde_json::json!([["rules.margin", "0.03"]]));
}

/// The book of a shipped workflow, as one line.
fn shipped(name: &str) -> String {
    let file = format!("{}/workflows/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    told(&["rules", &file]).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What all three tournaments have in common.
const OF_ALL: [&str; 30] = [
    "at most 1h late",
    "Whatever is missed waits for the next week and does not start late",
    "Never while another run of it goes on",
    "The first of all starts at once",
    "one_per_ip (one of each address; one with a token is preferred)",
    "one_per_account (one of each account of the code host; one with a token is preferred)",
    "token (a token that does not open the repository counts as none)",
    "commit_sha (the commit is 40 hexadecimal digits)",
    "readable_source (the code is not obfuscated)",
    "licence (licence and notice are kept), balance (the balance covers the fee)",
    "LICENSE.md, LICENSE, license.md, license, License.md, License",
    "NOTICE, NOTICE.txt, notice.txt, Notice.txt, notice, Notice",
    "hkust-nlp/agentboard, tasksource/Boardgame-QA, the-acorn-ai/textarena-player-game-traces How many of them: 2",
    "Fetches a repository at an exact commit",
    "no network outside, no capabilities, a cache that it can only read",
    "Memory for each GPU: 110GiB Processor cores for each GPU: 24",
    "What is there counts when it has taken: `task.time`",
    "1xH100 below 30 billion parameters; 2xH100 below 70 billion parameters; 3xH100 below 100 billion parameters; else 4xH100",
    "What each place gets of the one before it: 0.3",
    "The difference above which it grows: 0.05 By how much it grows for what is above: 2",
    "What each day takes off: 0.0033",
    "The moment from which on time counts. Without it, only wins do: 2025-11-26T00:00:00Z",
    "The burn key gets what is left",
    "What each participant gets for taking part: 0.0001",
    "Who of those with the same is sent away: all (all of them, the first one too)",
    "where rules.dedup.judge.after is [1]",
    "A judge reads the code of both and says whether it does the same, or is a copy hidden behind more code",
    "Attempts more after an error of its own: 3",
    "Whoever is found, and every pair without a verdict, waits for an operator",
    "rules.honours.organisation is gradients-opensource",
];

/// What the text and the image tournament have in common.
const OF_PAIRS: [&str; 7] = [
    "Which results are better: higher where `task.kind` is grpo or environment, else lower",
    "The fewest who must have been let in: 8",
    "Players are paired: where 14 or fewer play; where they are an odd number, the champion plays too, or steps back where \
     they play already",
    "Otherwise they play in groups: up to 32 in a group; fewer than 20 in a group make one group less, and larger ones",
    "How many go on from each task: 1 (rules.pair.advance) where `draw.shape` is pairs, else 8 (rules.group.advance)",
    "By how much the challenger must be better to win a task; without it, being as good is enough: 5% against a champion \
     who has won once; for each further win 0.8 times as much; 3% at least",
    "What the challenger needs for the title: a majority, more than half of the tasks that anybody has won",
];

const TEXT: [&str; 11] = [
    "Every week on Thursday at 14:00 UTC",
    "What taking part costs: 0.25 TAO",
    "Tasks of each group: 1 task of kind instruct",
    "Tasks of each pair: 1 task, of a kind that is drawn: instruct 75%, dpo 20%, grpo 5%",
    "Tasks of the boss round: 2 tasks of kind instruct, on a model of 0.1 to 12 billion parameters, or with a chance of 20% of 12 to 71 billion",
    "; 2 tasks of kind dpo, ",
    "; 2 tasks of kind grpo, ",
    "and with a chance of 20% with a KL weight of 0.1 to 1.5",
    "dockerfiles/standalone-text-trainer.dockerfile",
    "How much the type gets anyway: 0.15 The most that it may get: 0.48",
    "The size is: `task.params_b` × (3 where `task.kind` is dpo, 2 where `task.kind` is grpo, else 1) × (2 where there is \
     `task.kl`, else 1) up to 4: 1xH100 up to 12: 2xH100 up to 40: 4xH100 else: 8xH100",
];

const IMAGE: [&str; 9] = [
    "Every week on Thursday at 15:00 UTC",
    "What taking part costs: 0.2 TAO",
    "Tasks of each group: 1 task of kind image",
    "Tasks of each pair: 1 task of kind image",
    "Tasks of the boss round: 3 tasks of kind image, on a model of type z-image, qwen-image; 3 tasks of kind image, on a \
     model of type sdxl, flux",
    "It is: dockerfiles/standalone-image-toolkit-trainer.dockerfile (rules.entry.toolkit.dockerfile) where `task.model_type` \
     is among `rules.entry.toolkit.model_types`, else dockerfiles/standalone-image-trainer.dockerfile (rules.entry.dockerfile)",
    "where rules.entry.toolkit.model_types is [\"z-image\",\"qwen-image\"]",
    "How much the type gets anyway: 0.125 The most that it may get: 0.32",
    "The first line that holds always: 1xH100",
];

const ENVIRONMENT: [&str; 23] = [
    "Which results are better: higher",
    "How many games, those with seats swapped counted; as many as the time allows when left out: 200 How long a move may take: 5s",
    "After so many losses in a row right from the start: 10 After so many losses in a row later on: 20",
    "A pair that was won: 3 A pair that nobody won: 1 A pair that was lost: 0",
    "By how much a score reached alone must be better than another to win the pair, as a share of the second one's: 0.015",
    "Tasks of each group: 1 task of kind environment, on the model of the first round",
    "Every week on Monday at 14:00 UTC",
    "What taking part costs: 0.25 TAO",
    "The fewest who must have been let in: 5",
    "Otherwise they play in groups: up to 6 in a group; fewer than 2 in a group make one group less, and larger ones",
    "the champion joins the first one drawn",
    "The champion plays on with those who won, if anybody did: yes",
    "Tasks of each group: 1 task of kind environment",
    "with 2 environments in the first round and as many more in each later one, as far as there are so many",
    "from the second round on, each goes on from the model that they trained before",
    "How many go on from each task: 1 Takes on all who are equal to the last one who goes on: yes",
    "In a round of one group nobody goes on unless they are better than the champion: yes",
    "beginning from continuation; 1 task of kind environment, on a model of 0.1 to 12 billion parameters, with 2",
    "beginning from from_scratch; 1 task of kind environment, on the model Qwen/Qwen2.5-7B-Instruct",
    "beginning from previous_winner",
    "What the challenger needs for the title: no task lost and one won at least, where a draw is neither",
    "from_scratch: 3.0 Hours by the kind of task, such as `environment`, environment: 1.5",
    "How much the type gets anyway: 0.15 The most that it may get: 0.16",
];

#[test]
fn the_books_of_the_shipped_tournaments_say_what_the_miner_guide_says() {
    for (name, own) in [
        ("text", [&OF_PAIRS[..], &TEXT].concat()),
        ("image", [&OF_PAIRS[..], &IMAGE].concat()),
        ("environment", ENVIRONMENT.to_vec()),
    ] {
        let book = shipped(name);
        for sentence in OF_ALL.iter().chain(&own) {
            assert!(book.contains(sentence), "the book of `{name}` does not say: {sentence}\n{book}");
        }
    }
    for environment in ["gin_rummy", "liars_dice", "leduc_poker", "intercode"] {
        assert!(shipped("environment").contains(environment), "{environment}");
    }
}

#[test]
fn a_change_of_a_shipped_rule_is_told_in_a_sentence() {
    let file = format!("{}/workflows/text.yaml", env!("CARGO_MANIFEST_DIR"));
    let set = ["--set", "rules.boss.margin.start=0.1", "--set", "rules.boss.title.more_than=0.6"];
    let told = told(&[&["diff", &file, &file][..], &set].concat()).split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "10% against a champion who has won once",
        "5% against a champion who has won once",
        "more than 60% of the tasks that anybody has won",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}
