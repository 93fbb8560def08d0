//! Figures: what the Miner Guide states and what the deployed code holds as constants, beside the rules of the workflows.

use serde_json::{Map, Value as Json, json};

use super::{Case, Missed, Translation, play};

pub const TOPICS: &[(&str, Translation)] = &[("facts", facts), ("constants", constants)];

const KINDS: [&str; 3] = ["text", "image", "environment"];

/// Where a figure stands: in the workflow of which type, at which rule.
const CONSTANTS: &[(&str, &str, &str)] = &[
    ("DEFAULT_MODEL_MAX_SIZE_B", "text", "replace.small.to"),
    ("DEFAULT_MODEL_MIN_SIZE_B", "text", "replace.small.from"),
    ("DIFFUSION_TEXT_GUIDED_EVAL_WEIGHT", "image", "judge.image.guided"),
    ("BETA_GRPO", "text", "judge.grpo.kl_weight"),
    ("CPUS_PER_GPU", "text", "entry.cpus_per_gpu"),
    ("DEFAULT_IMAGE_DOCKERFILE_PATH", "image", "entry.dockerfile"),
    ("DEFAULT_TEXT_DOCKERFILE_PATH", "text", "entry.dockerfile"),
    ("EMISSION_BOOST_DECAY_PER_WIN", "text", "weights.growth.per_win"),
    ("EMISSION_BURN_HOTKEY", "text", "weights.burn"),
    ("EMISSION_DAILY_TIME_DECAY_RATE", "text", "weights.growth.per_day"),
    ("EMISSION_MULTIPLIER_RATE", "text", "weights.growth.factor"),
    ("EMISSION_MULTIPLIER_THRESHOLD", "text", "weights.growth.threshold"),
    ("ENV_ADVANCE_PER_GROUP", "environment", "group.advance"),
    ("EXPECTED_GROUP_SIZE", "text", "draw.groups.about"),
    ("EXPONENTIAL_BASE_THRESHOLD", "text", "boss.margin.start"),
    ("EXPONENTIAL_DECAY_RATE", "text", "boss.margin.decay"),
    ("EXPONENTIAL_MIN_THRESHOLD", "text", "boss.margin.floor"),
    ("FIRST_PLACE_SCORE", "text", "rank.scoring.first"),
    ("INDIVIDUAL_WIN_MARGIN", "environment", "judge.environment.margin"),
    ("MAX_ENVIRONMENT_GROUP_SIZE", "environment", "draw.groups.about"),
    ("MAX_ENVIRONMENT_TOURNAMENT_WEIGHT", "environment", "weights.cap"),
    ("MAX_IMAGE_TOURNAMENT_WEIGHT", "image", "weights.cap"),
    ("MAX_NUMBER_OF_MINERS_FOR_KNOCKOUT_ROUND", "text", "draw.pairs.up_to"),
    ("MAX_TEXT_TOURNAMENT_WEIGHT", "text", "weights.cap"),
    ("MAX_TOURNAMENT_EVAL_ATTEMPTS", "environment", "judge.pair.attempts"),
    ("MIN_ENVIRONMENT_GROUP_SIZE", "environment", "draw.groups.at_least"),
    ("MIN_GROUP_SIZE", "text", "draw.groups.at_least"),
    ("MODEL_SIZE_RANGE_MULTIPLIER_MAX", "text", "replace.spread.to"),
    ("MODEL_SIZE_RANGE_MULTIPLIER_MIN", "text", "replace.spread.from"),
    ("PERCENTAGE_OF_TASKS_SHOULD_BE_SUCCESS", "text", "complete.at_most"),
    ("PVP_CONSECUTIVE_LOSS_FORFEIT", "environment", "judge.games.losses_at_start"),
    ("PVP_ENV_DRAW_POINTS", "environment", "judge.environment.points.draw"),
    ("PVP_ENV_WIN_POINTS", "environment", "judge.environment.points.win"),
    ("PVP_EPISODE_FORFEIT_THRESHOLD", "environment", "judge.games.forfeits"),
    ("PVP_PERF_DIFF_SLOPE", "environment", "boss.games.slope"),
    ("PVP_WIN_PCT_THRESHOLD", "environment", "boss.games.bar"),
    ("SCORE_PENALTY", "text", "rank.scoring.last"),
    ("TOURNAMENT_ENVIRONMENT_WEIGHT", "environment", "weights.base"),
    ("TOURNAMENT_IMAGE_WEIGHT", "image", "weights.base"),
    ("TOURNAMENT_PAID_RANKS", "text", "weights.shares.paid"),
    ("TOURNAMENT_PARTICIPATION_WEIGHT", "text", "weights.taking_part.participation"),
    ("TOURNAMENT_SIMPLE_DECAY_BASE", "text", "weights.shares.decay"),
    ("TOURNAMENT_TEXT_WEIGHT", "text", "weights.base"),
    ("VALIDATOR_DOCKER_IMAGE", "text", "entry.judge"),
    ("VALIDATOR_DOCKER_IMAGE_DIFFUSION", "image", "entry.judge"),
    ("VALIDATOR_DOCKER_IMAGE_ENV", "environment", "entry.judge"),
];

fn constants(case: &Case) -> Result<Json, Missed> {
    let name = case.input.as_str().unwrap_or_default();
    let Some((_, kind, path)) = CONSTANTS.iter().find(|(it, ..)| *it == name) else {
        return Err(Missed::NotApplicable("constants of the deployed program that are no rule of a tournament".into()));
    };
    let found = case.rule(kind, path);
    found.map_err(|_| Missed::NotApplicable("constants that the deployed code of that state does not use".into()))
}

/// Figures that the Miner Guide states.
fn facts(case: &Case) -> Result<Json, Missed> {
    let of = |kinds: &[&str], path: &str| {
        let each = kinds.iter().map(|kind| Ok(((*kind).to_string(), case.rule(kind, path)?)));
        Ok::<Json, Missed>(Json::Object(each.collect::<Result<Map<String, Json>, Missed>>()?))
    };
    let fact = case.input.as_str().unwrap_or_default();
    Ok(match fact {
        "knockout_field_max" => of(&KINDS[..2], "draw.pairs.up_to")?,
        "group_advance" => of(&KINDS, "group.advance")?,
        "base_weight" => of(&KINDS, "weights.base")?,
        "max_weight" => of(&KINDS, "weights.cap")?,
        "cpus_per_gpu" => case.rule("text", "entry.cpus_per_gpu")?,
        "memory_gb_per_gpu" => {
            let memory = case.rule("text", "entry.memory_per_gpu")?;
            json!(memory.as_str().and_then(|size| size.strip_suffix("GB")).and_then(|size| size.parse::<u32>().ok()))
        }
        "environment_group_size" => json!({
            "min": case.rule("environment", "draw.groups.at_least")?, "max": case.rule("environment", "draw.groups.about")?,
        }),
        "participation_weight" => case.rule("text", "weights.taking_part.participation")?,
        "decay_base" => case.rule("text", "weights.shares.decay")?,
        "performance_threshold" => case.rule("text", "weights.growth.threshold")?,
        "performance_multiplier" => case.rule("text", "weights.growth.factor")?,
        "time_decay_per_day" => case.rule("text", "weights.growth.per_day")?,
        "dethrone" => {
            let majority = |kind: &str| {
                let share = case.rule(kind, "boss.title.more_than")?;
                Ok::<_, Missed>(if share == 0.5 { "majority of boss-round tasks".into() } else { share })
            };
            let no_loss = case.rule("environment", "boss.title.no_loss")? == true;
            let environment = if no_loss { "no loss and at least one win" } else { "something else" };
            json!({"text": majority("text")?, "image": majority("image")?, "environment": environment})
        }
        "boss_task_threshold" => {
            let margin = |wins: u32| {
                let input = json!({"champion": "boss", "tasks": [], "wins": wins, "rules": case.rule("text", "boss")?});
                Ok::<_, Missed>(json!({"consecutive_wins": wins, "threshold": play("contest", input)?["margin"]}))
            };
            (1..=7).map(margin).collect::<Result<Vec<_>, Missed>>()?.into()
        }
        _ => return Err(Missed::NotApplicable("no rule yet".into())),
    })
}
