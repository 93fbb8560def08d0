//! Constants of the deployed program: those that are rules by now beside the workflows, and the others with the reason
//! why nothing stands for them.

use god_flow::base::Span;
use serde_json::{Value as Json, json};

use super::{
    Case, Missed, Translation,
    figures::{at, environment_tasks, gpu_limit, gpu_multiplier, in_rao, lineages, starts, tasks, whole, work_of},
};

pub const TOPICS: &[(&str, Translation)] = &[("constants", constants)];

/// Types of tournaments that share a rule. A state without one of them is asked for the others.
const TEXT: &[&str] = &["text"];
const IMAGE: &[&str] = &["image"];
const GAMES: &[&str] = &["environment"];
const BOTH: &[&str] = &["text", "image"];
const ALL: &[&str] = &["text", "image", "environment"];

/// How a rule is written as a constant.
type Spelling = fn(&Json) -> Json;

/// Constants that stand at one place of the workflows of these types.
#[rustfmt::skip]
const AT: &[(&str, &[&str], &str, Spelling)] = &[
    ("ASSUMED_TRAINING_MFU", TEXT, "hours.throughput.utilisation", same),
    ("BETA_GRPO", TEXT, "judge.grpo.kl_weight", same),
    ("BOSS_ROUND_WIN_MARGIN", BOTH, "boss.margin.start", same),
    ("CONTINUOUS_SFT_TRAINING_HOURS", TEXT, "hours.by_start.continuous_sft", same),
    ("CPUS_PER_GPU", ALL, "entry.cpus_per_gpu", same),
    ("CTX_REF_SEQ_LEN", TEXT, "hours.linear.lengths.usual", same),
    ("CTX_SCALE_MAX", TEXT, "hours.linear.lengths.most", same),
    ("CTX_SCALE_MIN", TEXT, "hours.linear.lengths.least", same),
    ("DEFAULT_IMAGE_DOCKERFILE_PATH", IMAGE, "entry.dockerfile", same),
    ("DEFAULT_IMAGE_TOOLKIT_DOCKERFILE_PATH", IMAGE, "entry.toolkit.dockerfile", same),
    ("DEFAULT_MODEL_MAX_SIZE_B", TEXT, "replace.small.to", same),
    ("DEFAULT_MODEL_MIN_SIZE_B", TEXT, "replace.small.from", same),
    ("DEFAULT_MODEL_PARAMS_FOR_HOURS", TEXT, "hours.unknown_b", billions),
    ("DEFAULT_TEXT_DOCKERFILE_PATH", &["text", "environment"], "entry.dockerfile", same),
    ("DIFFUSION_TEXT_GUIDED_EVAL_WEIGHT", IMAGE, "judge.image.guided", same),
    ("EMISSION_BOOST_DECAY_PER_WIN", ALL, "weights.growth.per_win", same),
    ("EMISSION_BURN_HOTKEY", ALL, "weights.burn", same),
    ("EMISSION_DAILY_TIME_DECAY_RATE", ALL, "weights.growth.per_day", same),
    ("EMISSION_MULTIPLIER_RATE", ALL, "weights.growth.factor", same),
    ("EMISSION_MULTIPLIER_THRESHOLD", ALL, "weights.growth.threshold", same),
    ("EMISSION_TIME_DECAY_CURVE", ALL, "weights.growth.keeps", |keeps| rows(keeps, |it| json!([it["day"], it["share"]]))),
    ("EMISSION_TIME_DECAY_START_DATE", ALL, "weights.growth.from", |from| json!(from.as_str().and_then(|it| it.get(..10)))),
    ("ENV_ADVANCE_PER_GROUP", GAMES, "group.advance", same),
    ("ENV_ENVS_PER_ROUND_MULTIPLIER", GAMES, "tasks.group.0.environments_per_round", same),
    ("ENV_EVAL_TEMPERATURE", GAMES, "games.playing.temperature", same),
    ("ENV_TARGET_TOURN_MODEL", GAMES, "tasks.boss.2.model", same),
    ("ENV_TRAINING_HOURS", GAMES, "hours.by_kind.environment", same),
    ("ENV_TRAINING_HOURS_BOSS_ROUND_FROM_SCRATCH", GAMES, "hours.by_start.from_scratch", same),
    ("EXPECTED_GROUP_SIZE", BOTH, "draw.groups.about", same),
    ("EXPONENTIAL_BASE_THRESHOLD", BOTH, "boss.margin.start", same),
    ("EXPONENTIAL_DECAY_RATE", BOTH, "boss.margin.decay", same),
    ("EXPONENTIAL_MIN_THRESHOLD", BOTH, "boss.margin.floor", same),
    ("FIRST_PLACE_SCORE", TEXT, "rank.scoring.first", same),
    ("FULL_HOURS_MODEL_PARAMS", TEXT, "hours.linear.model.full_b", billions),
    ("GRPO_HOURS_BY_PARAMS_B", TEXT, "hours.by_size.rows", |table| {
        rows(table, |it| json!([it.get("up_to").filter(|up_to| !up_to.is_null()).unwrap_or(&json!("Infinity")), it["hours"]]))
    }),
    ("H100_BF16_TFLOPS", TEXT, "hours.throughput.tflops", same),
    ("INDIVIDUAL_WIN_MARGIN", GAMES, "judge.environment.margin", same),
    ("INSTRUCT_KL_COEFFICIENT_MAX", TEXT, "tasks.group.0.kl.to", same),
    ("INSTRUCT_KL_COEFFICIENT_MIN", TEXT, "tasks.group.0.kl.from", same),
    ("INSTRUCT_KL_TASK_PROBABILITY", TEXT, "tasks.group.0.kl.chance", same),
    ("INSTRUCT_TEXT_DATASET_BINS_TO_TRAINING_HOURS_RANGE", TEXT, "hours.bins", |bins| {
        let bin = |it: &Json| (format!("[{}, {}]", it["from"], it["up_to"]), json!([it["least"], it["most"]]));
        bins.as_array().map_or(Json::Null, |bins| Json::Object(bins.iter().map(bin).collect()))
    }),
    ("MAX_ENVIRONMENT_GROUP_SIZE", GAMES, "draw.groups.about", same),
    ("MAX_ENVIRONMENT_TOURNAMENT_WEIGHT", GAMES, "weights.cap", same),
    ("MAX_IMAGE_COMPETITION_HOURS", IMAGE, "hours.image.most", same),
    ("MAX_IMAGE_TOURNAMENT_WEIGHT", IMAGE, "weights.cap", same),
    ("MAX_NEAR_DUPLICATE_RATE", ALL, "unfit.near_duplicates_from", same),
    ("MAX_NUMBER_OF_MINERS_FOR_KNOCKOUT_ROUND", BOTH, "draw.pairs.up_to", same),
    ("MAX_TEXT_TOURNAMENT_WEIGHT", TEXT, "weights.cap", same),
    ("MAX_TOURNAMENT_EVAL_ATTEMPTS", GAMES, "judge.pair.attempts", same),
    ("MEASURED_THROUGHPUT_CLAMP", TEXT, "hours.throughput.measured", |it| json!([it["least"], it["most"]])),
    ("MEASURED_THROUGHPUT_MINER_RATIO", TEXT, "hours.throughput.measured.ratio", same),
    ("MEMORY_PER_GPU_GB", ALL, "entry.memory_per_gpu", gigabytes),
    ("MIN_ENVIRONMENT_GROUP_SIZE", GAMES, "draw.groups.at_least", same),
    ("MIN_GROUP_SIZE", BOTH, "draw.groups.at_least", same),
    ("MIN_HOURS_SCALE", TEXT, "hours.linear.model.least_share", same),
    ("MIN_IMAGE_COMPETITION_HOURS", IMAGE, "hours.image.least", same),
    ("MIN_MINERS_FOR_ENV_TOURN", GAMES, "register.at_least", same),
    ("MIN_MINERS_FOR_TOURN", BOTH, "register.at_least", same),
    ("MODEL_SIZE_RANGE_MULTIPLIER_MAX", TEXT, "replace.spread.to", same),
    ("MODEL_SIZE_RANGE_MULTIPLIER_MIN", TEXT, "replace.spread.from", same),
    ("MODEL_SIZE_REQUIRING_2_GPUS", ALL, "entry.judging.rows.0.below", billions),
    ("MODEL_SIZE_REQUIRING_3_GPUS", ALL, "entry.judging.rows.1.below", billions),
    ("MODEL_SIZE_REQUIRING_4_GPUS", ALL, "entry.judging.rows.2.below", billions),
    ("PERCENTAGE_OF_TASKS_SHOULD_BE_SUCCESS", ALL, "complete.at_most", same),
    ("PERCENTAGE_OF_TASKS_THAT_SHOULD_BE_DPO", TEXT, "tasks.pair.0.kinds.dpo", same),
    ("PERCENTAGE_OF_TASKS_THAT_SHOULD_BE_GRPO", TEXT, "tasks.pair.0.kinds.grpo", same),
    ("PERCENTAGE_OF_TASKS_THAT_SHOULD_BE_INSTRUCT_TEXT", TEXT, "tasks.pair.0.kinds.instruct", same),
    ("PRE_BOSS_QUASAR_MODEL", TEXT, "tasks.last_pair.0.model", same),
    ("PROBABILITY_OF_A_BIG_TEXT_MODEL", TEXT, "tasks.boss.0.large.chance", same),
    ("PVP_CONSECUTIVE_LOSS_FORFEIT", GAMES, "judge.games.losses_at_start", same),
    ("PVP_ENV_DRAW_POINTS", GAMES, "judge.environment.points.draw", same),
    ("PVP_ENV_LOSS_POINTS", GAMES, "judge.environment.points.loss", same),
    ("PVP_ENV_WIN_POINTS", GAMES, "judge.environment.points.win", same),
    ("PVP_EPISODE_FORFEIT_THRESHOLD", GAMES, "judge.games.forfeits", same),
    ("PVP_MATCHUP_TIME_BUDGET_SECONDS", GAMES, "games.playing.time", seconds),
    ("PVP_NUM_GAMES_PER_ENV", GAMES, "games.playing.games", |both_seats| json!(both_seats.as_u64().map(|games| games / 2))),
    ("PVP_PERF_DIFF_SLOPE", GAMES, "boss.games.slope", same),
    ("PVP_TURN_TIMEOUT_SECONDS", GAMES, "games.playing.turn", seconds),
    ("PVP_WIN_PCT_THRESHOLD", GAMES, "boss.games.bar", same),
    ("QWEN_IMAGE_EXTRA_COMPETITION_HOURS", IMAGE, "hours.image.more.0.hours", same),
    ("R1_TEXT_DATASET_BIN", TEXT, "tasks.first_group.0.rows", |it| json!([it["from"], it["up_to"]])),
    ("SCORE_PENALTY", TEXT, "rank.scoring.last", same),
    ("SMALL_ENVIRONMENT_GROUP_SIZE", GAMES, "draw.groups.few.about", same),
    ("SMALL_ENVIRONMENT_MAX_PARTICIPANTS", GAMES, "draw.groups.few.up_to", same),
    ("SMALL_TOURNAMENT_ADVANCE", BOTH, "advance.together.top", same),
    ("SMALL_TOURNAMENT_GROUP_TASKS", BOTH, "tasks.together.0.times", same),
    ("SMALL_TOURNAMENT_MAX_PARTICIPANTS", BOTH, "draw.together.up_to", same),
    ("SMALL_TOURNAMENT_MIN_PARTICIPANTS", BOTH, "draw.together.from", same),
    ("TARGET_TRAINING_EPOCHS", TEXT, "hours.throughput.epochs", same),
    ("TOURNAMENT_ENVIRONMENT_PARTICIPATION_FEE_RAO", GAMES, "register.fee", in_rao),
    ("TOURNAMENT_ENVIRONMENT_WEIGHT", GAMES, "weights.base", same),
    ("TOURNAMENT_IMAGE_PARTICIPATION_FEE_RAO", IMAGE, "register.fee", in_rao),
    ("TOURNAMENT_IMAGE_WEIGHT", IMAGE, "weights.base", same),
    ("TOURNAMENT_PAID_RANKS", ALL, "weights.shares.paid", same),
    ("TOURNAMENT_PARTICIPATION_WEIGHT", ALL, "weights.taking_part.participation", same),
    ("TOURNAMENT_SIMPLE_DECAY_BASE", ALL, "weights.shares.decay", same),
    ("TOURNAMENT_TEXT_PARTICIPATION_FEE_RAO", TEXT, "register.fee", in_rao),
    ("TOURNAMENT_TEXT_WEIGHT", TEXT, "weights.base", same),
    ("TOURN_DEDUP_ENABLED", ALL, "dedup.before_the_first_round", same),
    ("TRAINING_HOURS_MAX_BASE", TEXT, "hours.linear.rows_most", same),
    ("TRAINING_HOURS_MAX_ROWS", TEXT, "hours.linear.rows.to", same),
    ("TRAINING_HOURS_SCALE_START_ROWS", TEXT, "hours.linear.rows.from", same),
    ("TRAINING_OVERHEAD_HOURS", TEXT, "hours.throughput.overhead", same),
    ("VALIDATOR_DOCKER_IMAGE", TEXT, "entry.judge", same),
    ("VALIDATOR_DOCKER_IMAGE_DIFFUSION", IMAGE, "entry.judge", same),
    ("VALIDATOR_DOCKER_IMAGE_INTERCODE", GAMES, "games.alone.image", same),
    ("VALIDATOR_DOCKER_IMAGE_PVP", GAMES, "games.image", same),
];

/// Constants that several rules come to, or a table, a schedule or a step.
const COMES_TO: &[(&str, Translation)] = &[
    ("CONTINUOUS_SFT_LINEAGES", lineages),
    ("ENVIRONMENT_TASKS_PER_GROUP", |case| tasks(case, "environment", "group", |_| true)),
    ("ENV_FINAL_ROUND_TASK_COUNT", |case| Ok(environment_tasks(case)?["total"].take())),
    ("FINAL_ROUND_CONTINUOUS_SFT_TASKS", |case| tasks(case, "text", "boss", |it| it["start"] == "continuous_sft")),
    ("FINAL_ROUND_IMAGE_QWEN_ZIMAGE_TASKS", |case| {
        tasks(case, "image", "boss", |it| it["model_types"] == json!(["z-image", "qwen-image"]))
    }),
    ("FINAL_ROUND_IMAGE_TASKS", |case| tasks(case, "image", "boss", |_| true)),
    ("FINAL_ROUND_TEXT_TASKS", |case| tasks(case, "text", "boss", |_| true)),
    ("FINAL_ROUND_TEXT_TASK_DISTRIBUTION", |case| {
        let of =
            |kind: &'static str| tasks(case, "text", "boss", move |it| it["kind"] == kind && it["start"].is_null());
        Ok(json!({"InstructTextTask": of("instruct")?, "DpoTask": of("dpo")?, "GrpoTask": of("grpo")?}))
    }),
    ("IMAGE_TASKS_PER_GROUP", |case| tasks(case, "image", "group", |_| true)),
    ("KNOCKOUT_PAIR_TASKS", |case| tasks(case, "text", "pair", |_| true)),
    ("MAX_TRAINING_ATTEMPTS", |case| work_of(case, "text", "train")),
    ("MAX_TRAINING_HOURS", |case| hours(case, "most")),
    ("TASK_TYPE_HOURS_MULTIPLIER", |case| {
        let kinds = hours(case, "kinds")?;
        let of = |kind: &str| kinds[kind].as_f64().unwrap_or(1.0);
        let mut found = json!({"InstructTextTask": of("instruct"), "ChatTask": of("chat"), "DpoTask": of("dpo")});
        if let Some(grpo) = kinds.get("grpo") {
            found["GrpoTask"] = grpo.clone();
        }
        Ok(found)
    }),
    ("TEXT_TASKS_PER_GROUP", |case| tasks(case, "text", "group", |_| true)),
    ("TOURNAMENT_DPO_GPU_MULTIPLIER", |case| gpu_multiplier(case, &json!({"kind": "dpo"}))),
    ("TOURNAMENT_GPU_THRESHOLD_FOR_2X_H100", |case| Ok(json!(gpu_limit(case, 2, &json!({}))?))),
    ("TOURNAMENT_GPU_THRESHOLD_FOR_4X_H100", |case| Ok(json!(gpu_limit(case, 4, &json!({}))?))),
    ("TOURNAMENT_GPU_THRESHOLD_FOR_8X_H100", |case| Ok(json!(gpu_limit(case, 8, &json!({}))?))),
    ("TOURNAMENT_GRPO_GPU_MULTIPLIER", |case| gpu_multiplier(case, &json!({"kind": "grpo"}))),
    ("TOURNAMENT_INTERVAL_HOURS", |case| Ok(starts(case, "text")?["gap"].take())),
    ("TOURNAMENT_KL_GPU_MULTIPLIER", |case| gpu_multiplier(case, &json!({"kl": 1.0}))),
    ("TOURNAMENT_SCHEDULE_ENVIRONMENT_DAY_OF_WEEK", |case| Ok(starts(case, "environment")?["day"].take())),
    ("TOURNAMENT_SCHEDULE_ENVIRONMENT_HOUR", |case| Ok(starts(case, "environment")?["hour"].take())),
    ("TOURNAMENT_SCHEDULE_IMAGE_DAY_OF_WEEK", |case| Ok(starts(case, "image")?["day"].take())),
    ("TOURNAMENT_SCHEDULE_IMAGE_HOUR", |case| Ok(starts(case, "image")?["hour"].take())),
    ("TOURNAMENT_SCHEDULE_TEXT_DAY_OF_WEEK", |case| Ok(starts(case, "text")?["day"].take())),
    ("TOURNAMENT_SCHEDULE_TEXT_HOUR", |case| Ok(starts(case, "text")?["hour"].take())),
    ("TRAINING_HOURS_MIN", |case| hours(case, "least")),
];

fn constants(case: &Case) -> Result<Json, Missed> {
    let name = case.input.as_str().ok_or_else(|| Missed::Unreadable("a constant without a name".into()))?;
    if let Some((_, comes_to)) = COMES_TO.iter().find(|(it, _)| *it == name) {
        return comes_to(case);
    }
    let Some((_, kinds, path, spelled)) = AT.iter().find(|(it, ..)| *it == name) else {
        return Err(super::reasons::of(name));
    };
    let mut found: Vec<(&str, Json)> = Vec::new();
    for kind in *kinds {
        match at(case, kind, path) {
            Ok(rule) => found.push((kind, spelled(&rule))),
            Err(Missed::NotApplicable(why)) if *kind == kinds[kinds.len() - 1] && found.is_empty() => {
                return Err(Missed::NotApplicable(why));
            }
            Err(Missed::NotApplicable(_)) => {}
            Err(other) => return Err(other),
        }
    }
    let all_alike = found.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let one = found.first().map(|(_, rule)| rule.clone()).filter(|_| all_alike);
    Ok(one.unwrap_or_else(|| found.into_iter().map(|(kind, rule)| (kind.to_string(), rule)).collect()))
}

/// A rule of the formula that gives the hours of this state.
fn hours(case: &Case, field: &str) -> Result<Json, Missed> {
    at(case, "text", &format!("hours.linear.{field}"))
        .or_else(|_| at(case, "text", &format!("hours.throughput.{field}")))
}

fn same(rule: &Json) -> Json {
    rule.clone()
}
fn seconds(rule: &Json) -> Json {
    json!(rule.as_str().and_then(|span| Span::parse(span).ok()).map(|span| whole(span.hours() * 3_600.0)))
}
fn billions(rule: &Json) -> Json {
    json!(rule.as_f64().map(|it| whole(it * 1e9)))
}
fn gigabytes(rule: &Json) -> Json {
    json!(rule.as_str().and_then(|size| size.strip_suffix("GiB")).and_then(|size| size.parse::<u32>().ok()))
}
fn rows(table: &Json, row: impl Fn(&Json) -> Json) -> Json {
    table.as_array().map_or(Json::Null, |table| table.iter().map(row).collect())
}
