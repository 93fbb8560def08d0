//! Why nothing stands for a constant of the deployed program: by names, or by how they begin or end.

use super::Missed;

/// The first that holds. `A*` begins so, `*A` ends so, `*A*` has it somewhere.
#[rustfmt::skip]
const REASONS: &[(&str, &[&str])] = &[
    ("customers' jobs on rented machines are no tournament", &["DSTACK_*"]),
    ("not of that state: boss tasks that are compared with those of the past, as text-historical.yaml has them", &["BOSS_ROUND_HISTORICAL_*", "MIN_SUCCESSFUL_SCORES_FOR_HISTORICAL_TASK"]),
    ("not yet a rule: where Dockerfiles were before, which is looked at next", &["*_TOOLKIT_DOCKERFILE_PATH*", "LEGACY_*_DOCKERFILE_PATH", "*_DOCKERFILE_PATHS"]),
    ("not yet a rule: how models are changed before they are handed out", &["AUGMENTATION_*", "YARN_*", "MODEL_PREP_*", "BASELINE_STATS_*"]),
    ("not yet a rule: how large data sets are, how they are split, and what is made for tasks without any", &[
        "DATASET_BINS_TO_SAMPLE", "MINIMUM_DATASET_ROWS", "MAXIMUM_DATASET_ROWS", "MAX_TEST_DATA_POINTS", "TRAIN_TEST_SPLIT_PERCENTAGE",
        "GRPO_MIN_SYNTH_ROWS", "*_NUM_REWARD_FUNCTIONS", "PERCENTAGE_REWARD_FUNCTIONS_*", "AFFINE_REWARD_FN_IDS", "*SYNTH*", "FAL_*",
        "IMAGE_GEN_*", "IMAGE_RESOLUTION_STEP", "IMAGE_STYLE_*", "PERSON_*", "PROBABILITY_STYLE_COMBINATION", "*_IMAGE_HEIGHT", "*_IMAGE_WIDTH",
        "*_IMAGE_TEXT_PAIRS", "END_OF_REASONING_TAG", "MAX_FILE_SIZE_BYTES",
    ]),
    ("no rule of tournaments, which have chat tasks only where `kinds` of `rules.tasks` names them: the mix of instruct and chat tasks", &["PERCENTAGE_OF_INSTRUCT_TASKS_THAT_SHOULD_BE_CHAT"]),
    ("not yet a rule: an environment that the boss round must have (none is set)", &["FORCED_BOSS_ENVIRONMENT"]),
    ("an input of a run: who defends when nobody holds the title", &["DEFAULT_PARTICIPANT_*"]),
    ("the judge of copies, of disguised sources and of differences: its model, its money and its turns are its container's", &["TOURN_DEDUP_*", "CLAUDE_REPO_DIFF_*", "OBFUSCATION_*"]),
    ("the judge's image: what it runs, with what seeds, sizes and time limits", &[
        "ENV_EVAL_*", "EVAL_*", "PVP_*", "*BASILICA*", "SGLANG_*", "LOCAL_ENV_*", "BETA_DPO", "GRPO_*", "TRL_*", "*HF_CONTAINER_ENV*", "LORA*",
        "UNET_SAVE_PATH", "CHECKPOINTS_SAVE_PATH", "DIFFUSERS_PATH", "DIFFUSION_MODELS_PATH", "DIFFUSION_HF_*", "DOCKER_EVAL_*",
        "CONTAINER_EVAL_*", "DEFAULT_ENV", "ENV_SERVER_*", "VALIDATOR_DOCKER_IMAGE_*", "MCTS_API_DOCKER_IMAGE", "MAX_EVAL_ATTEMPTS",
    ]),
    ("the trainer's image: repeats, templates and names of variables that a training is given", &[
        "DIFFUSION_FLUX_REPEATS", "DIFFUSION_SDXL_REPEATS", "CONFIG_*", "KL_COEF_ENV", "USE_KL_ENV", "CONTINUOUS_SFT_*", "_CUSTOM_ARCH_*",
        "MINER_DATASETS_*", "IMAGE_CONTAINER_*", "IMAGE_TASKS_HF_SUBFOLDER_PATH", "AXOLOTL_*", "WANDB_*", "EXPECTED_TRAINING_START_MESSAGE",
    ]),
    ("names of columns and files in prepared data", &["STANDARD_*", "DPO_DEFAULT_*", "SUPPORTED_IMAGE_FILE_EXTENSIONS", "*_SPLIT_ZIP_NAME"]),
    ("customers' tasks: their mix, their queues and their delays", &[
        "PERCENTAGE_OF_TASKS_THAT_SHOULD_BE_IMAGE", "MIN_IDEAL_NUM_MINERS_IN_POOL", "MAX_CONCURRENT_*", "MAX_DELAY_TIMES", "TASK_TIME_DELAY",
        "PENDING_QUEUE_*",
    ]),
    ("no observed function of that state depends on it, and no rule is known to", &["MAX_BURN_REDUCTION", "BURN_REDUCTION_RATE", "RUNNER_UP_EMISSION_DAYS", "EXPONENTIAL_BASE_THRESHOLD_ENVIRONMENT"]),
    ("what reports tell about money, not what is paid", &["ALPHA_PER_SECOND", "DAILY_ALPHA_TO_MINERS", "MINER_ALPHA_SHARE"]),
    ("units", &["SECONDS_PER_DAY", "MODEL_PARAMS_TO_BILLIONS"]),
    ("infrastructure: addresses, paths, images of helpers, caches, names of fields, and loops of the deployed program", &[
        "*_ENDPOINT", "*_BASE_URL", "*_URL", "*_PATH", "TEMP_PATH_*", "*_DIR", "*_DIRECTORIES", "*_INTERVAL", "*_TTL", "*CACHE*", "*_DOCKER_IMAGE", "*_VOLUME_NAME",
        "VOLUME_NAMES", "INTERNAL_BRIDGE_NAME", "*NETUID", "IS_PROD_ENV", "LORA_ADAPTER_CONFIG_FILE", "*ACCOUNT_ID", "COLDKEY", "STAKE", "SUCCESS",
        "GET_ALL_MODELS_ID", "DELETE_S3_AFTER_COMPLETE", "GPU_IDS", "CONTAINER_START_*", "STALE_TASK_GRACE_MINUTES", "NO_RETRY_RESULT",
        "GPU_RESERVATION_GRACE_PERIOD_SECONDS", "TOURNAMENT_PARTICIPANT_PING_BATCH_SIZE", "TRAINER_HTTP_TIMEOUT", "OUTPUT_*",
    ]),
];

/// Why a constant is not compared.
pub fn of(name: &str) -> Missed {
    let fits = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(begin)) => name.starts_with(begin),
        (None, None) => name == pattern,
    };
    let found = REASONS.iter().find(|(_, patterns)| patterns.iter().any(|it| fits(it)));
    Missed::NotApplicable(found.map_or("no constant of that name is known here", |(why, _)| why).into())
}
