//! Figures: what the Miner Guide states beside the rules of the workflows, and how rules are read as figures.

use god_flow::{
    action::pick::{Stage, Stages},
    base::{GpuRequest, Rao},
    workflow::{Does, Every},
};
use serde_json::{Map, Value as Json, json};

use super::{Case, Missed, Translation, ask_gpus, list, play, tasks, text, time::task};

pub const TOPICS: &[(&str, Translation)] = &[("facts", facts)];

const KINDS: [&str; 3] = ["text", "image", "environment"];

/// Figures that the Miner Guide states.
fn facts(case: &Case) -> Result<Json, Missed> {
    let each = |kinds: &[&str], of: &dyn Fn(&str) -> Result<Json, Missed>| {
        let each = kinds.iter().map(|kind| Ok(((*kind).to_string(), of(kind)?)));
        Ok::<Json, Missed>(Json::Object(each.collect::<Result<Map<String, Json>, Missed>>()?))
    };
    let of = |kinds: &[&str], path: &str| each(kinds, &|kind| at(case, kind, path));
    let fact = case.input.as_str().unwrap_or_default();
    Ok(match fact {
        "schedule_utc" => each(&KINDS, &|kind| Ok(starts(case, kind)?["said"].take()))?,
        "fee_rao" => each(&KINDS, &|kind| Ok(in_rao(&at(case, kind, "register.fee")?)))?,
        "fee_tao" => {
            each(&KINDS, &|kind| Ok(json!(in_rao(&at(case, kind, "register.fee")?).as_f64().map(|rao| rao / 1e9))))?
        }
        "min_validated_miners" => of(&KINDS, "register.at_least")?,
        "knockout_field_max" => of(&KINDS[..2], "draw.pairs.up_to")?,
        "group_advance" => of(&KINDS, "group.advance")?,
        "base_weight" => of(&KINDS, "weights.base")?,
        "max_weight" => of(&KINDS, "weights.cap")?,
        "cpus_per_gpu" => at(case, "text", "entry.cpus_per_gpu")?,
        "memory_gb_per_gpu" => {
            let memory = at(case, "text", "entry.memory_per_gpu")?;
            json!(memory.as_str().and_then(|size| size.strip_suffix("GiB")).and_then(|size| size.parse::<u32>().ok()))
        }
        "environment_group_size" => json!({
            "min": at(case, "environment", "draw.groups.at_least")?, "max": at(case, "environment", "draw.groups.about")?,
        }),
        "environments_by_round" => environments_by_round(case)?,
        "boss_round_tasks" => {
            let text = |kind: &'static str| tasks(case, "text", "boss", move |it| it["kind"] == kind);
            let of_either = |it: &Json| it["model_types"] == json!(["z-image", "qwen-image"]);
            json!({
                "text": {"instruct": text("instruct")?, "dpo": text("dpo")?, "grpo": text("grpo")?},
                "image": {
                    "total": tasks(case, "image", "boss", |_| true)?,
                    "z_image_or_qwen_image_at_most": tasks(case, "image", "boss", of_either)?,
                },
                "environment": environment_tasks(case)?,
            })
        }
        "participation_weight" => at(case, "text", "weights.taking_part.participation")?,
        "decay_base" => at(case, "text", "weights.shares.decay")?,
        "performance_threshold" => at(case, "text", "weights.growth.threshold")?,
        "performance_multiplier" => at(case, "text", "weights.growth.factor")?,
        "time_decay_per_day" => at(case, "text", "weights.growth.per_day")?,
        "environment_training_hours" => json!({
            "group": at(case, "environment", "hours.by_kind.environment")?,
            "boss_from_scratch": at(case, "environment", "hours.by_start.from_scratch")?,
        }),
        "image_gpu" => ask_gpus(case, "image", task("image", &json!(1e9)))?,
        "requested_datasets_max" => at(case, "environment", "register.datasets_most")?,
        "commit_sha_hex_digits" => commit_digits()?,
        "environment_names" => {
            list(&at(case, "environment", "environments")?)?.iter().map(|it| it["name"].clone()).collect()
        }
        "image_model_types" => at(case, "image", "tasks.group.0.model_types")?,
        "dethrone" => {
            let majority = |kind: &str| {
                let share = at(case, kind, "boss.title.more_than")?;
                Ok::<_, Missed>(if share == 0.5 { "majority of boss-round tasks".into() } else { share })
            };
            let no_loss = at(case, "environment", "boss.title.no_loss")? == true;
            let environment = if no_loss { "no loss and at least one win" } else { "something else" };
            json!({"text": majority("text")?, "image": majority("image")?, "environment": environment})
        }
        "boss_task_threshold" => {
            let margin = |wins: u32| {
                let input = json!({"champion": "boss", "tasks": [], "wins": wins, "rules": at(case, "text", "boss")?});
                Ok::<_, Missed>(json!({"consecutive_wins": wins, "threshold": play("contest", input)?["margin"]}))
            };
            (1..=7).map(margin).collect::<Result<Vec<_>, Missed>>()?.into()
        }
        "miner_port" => return Err(Missed::NotApplicable("the port is part of a candidate's address".into())),
        _ => return Err(Missed::NotApplicable("no such fact is known here".into())),
    })
}

/// The rule at a dotted path of the workflow of that type; a number in it counts the items of a list. What is missing is
/// no reason to leave a case out.
pub fn at(case: &Case, kind: &str, path: &str) -> Result<Json, Missed> {
    let mut fields = path.split('.');
    let found = case.rule(kind, fields.next().unwrap_or_default())?;
    let field = |value: &Json, field: &str| match field.parse::<usize>() {
        Ok(index) => value.get(index).cloned(),
        Err(_) => value.get(field).cloned(),
    };
    let found = fields.try_fold(found, |value, name| field(&value, name)).filter(|it| !it.is_null());
    found
        .ok_or_else(|| Missed::Unreadable(format!("the {kind} workflow of {} has no rule `{path}`", case.variant.name)))
}

pub fn in_rao(fee: &Json) -> Json {
    json!(fee.as_str().and_then(|fee| Rao::parse(fee).ok()).map(|fee| fee.0))
}

/// A number without decimals where it has none.
pub fn whole(number: f64) -> Json {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

/// When tournaments of a type start: the day counted from Monday, the hour, both in words, and the hours between two.
pub fn starts(case: &Case, kind: &str) -> Result<Json, Missed> {
    let none = || Missed::Unreadable(format!("the {kind} workflow of {} has no schedule", case.variant.name));
    let schedule = case.variant.workflow(kind)?.schedule.as_ref().ok_or_else(none)?;
    let day = schedule.on.filter(|_| matches!(schedule.every, Every::Week));
    let hour = schedule.at.filter(|at| at.minute == 0).map(|at| at.hour);
    let said = day.zip(hour).map(|(day, hour)| format!("{:.3} {hour}", format!("{day:?}")));
    let gap = schedule.gap.filter(|_| matches!(schedule.every, Every::Gap)).map(|gap| gap.millis() / 3_600_000);
    Ok(json!({"day": day.map(|it| it as u8), "hour": hour, "said": said, "gap": gap}))
}

/// How many tasks of a stage are such.
pub fn tasks(case: &Case, kind: &str, stage: &str, such: impl Fn(&Json) -> bool) -> Result<Json, Missed> {
    let recipes = at(case, kind, &format!("tasks.{stage}"))?;
    Ok(json!(list(&recipes)?.iter().filter(|it| such(it)).map(|it| it["times"].as_u64().unwrap_or(1)).sum::<u64>()))
}

/// The tasks of the boss round of environments, and what they start from.
pub fn environment_tasks(case: &Case) -> Result<Json, Missed> {
    let recipes = at(case, "environment", "tasks.boss")?;
    let kinds: Vec<&Json> = list(&recipes)?.iter().map(|it| &it["start"]).collect();
    Ok(json!({"total": tasks(case, "environment", "boss", |_| true)?, "kinds": kinds}))
}

/// The lines of tasks that go on, and the model that each begins with.
pub fn lineages(case: &Case) -> Result<Json, Missed> {
    let recipes = at(case, "text", "tasks.boss")?;
    let of = |it: &Json| Some((it["lineage"].as_str()?.to_string(), it["model"].clone()));
    Ok(Json::Object(list(&recipes)?.iter().filter_map(of).collect()))
}

/// How often the work of an action is begun at most.
pub fn work_of(case: &Case, kind: &str, action: &str) -> Result<Json, Missed> {
    let mut steps = case.variant.workflow(kind)?.bodies.iter().flat_map(|body| &body.steps);
    let found = steps.find(|step| matches!(&step.does, Does::Action { action: it, .. } if it.name == action));
    let none = || Missed::Unreadable(format!("no step of the {kind} workflow does `{action}`"));
    Ok(json!(found.ok_or_else(none)?.settings.retry.exit_code + 1))
}

/// The largest text model, in billions of parameters, that is trained on fewer GPUs than that.
pub fn gpu_limit(case: &Case, count: u32, more: &Json) -> Result<f64, Missed> {
    let (mut fits, mut too_large) = (0.0, 1000.0);
    for _ in 0..80 {
        let params_b = f64::midpoint(fits, too_large);
        let mut task = task("instruct", &json!(params_b * 1e9));
        for (field, value) in more.as_object().into_iter().flatten() {
            task[field] = value.clone();
        }
        let asked = GpuRequest::parse(text(&ask_gpus(case, "text", task)?)?).map_err(Missed::Refused)?;
        *if asked.count() < count { &mut fits } else { &mut too_large } = params_b;
    }
    Ok(fits)
}

/// How many times larger such a task counts than a plain one.
pub fn gpu_multiplier(case: &Case, such: &Json) -> Result<Json, Missed> {
    let times = gpu_limit(case, 2, &json!({}))? / gpu_limit(case, 2, such)?;
    Ok(whole((times * 1e9).round() / 1e9))
}

/// How many environments the rounds have, and what the number of a late round comes to.
fn environments_by_round(case: &Case) -> Result<Json, Missed> {
    let rules = at(case, "environment", "environments")?;
    let stages: Stages =
        serde_json::from_value(at(case, "environment", "tasks")?).map_err(|why| Missed::Unreadable(why.to_string()))?;
    let asked = |round: u32| {
        let stage = if round == 1 { Stage::FirstGroup } else { Stage::Group };
        let each = stages.of(stage).first().and_then(|recipe| recipe.environments_per_round);
        each.map(|each| u64::from(each) * u64::from(round))
    };
    let late = tasks::environments(&rules, &json!(1_000), &json!([]), &json!(false))?.len();
    let cap = if late == list(&rules)?.len() { json!("number of supported environments") } else { json!(late) };
    Ok(json!({"1": asked(1), "2": asked(2), "3": asked(3), "cap": cap}))
}

/// How many digits a commit must have for a candidate to be let in.
fn commit_digits() -> Result<Json, Missed> {
    let mut taken = Vec::new();
    for digits in 1..=64 {
        let candidate = json!({"hotkey": "a", "repository": "https://github.com/o/r", "commit": "a".repeat(digits)});
        let found = play("register", json!({"candidates": [candidate], "checks": ["commit_sha"]}))?;
        if !list(&found["entrants"])?.is_empty() {
            taken.push(digits);
        }
    }
    Ok(if let [one] = taken[..] { json!(one) } else { json!(taken) })
}
