//! Who takes part: checks of candidates, licences, and copies.

use std::collections::BTreeMap;

use god_flow::action::{dedup, register};
use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation, list, play, text};

pub const TOPICS: &[(&str, Translation)] = &[
    ("dedup_cluster", cluster),
    ("dedup_digest", digest),
    ("dedup_flag", flag),
    ("dedup_gate", gate),
    ("dedup_github_account", |case| one_of_each(case, "one_per_account")),
    ("dedup_hash_pairs", hash_pairs),
    ("dedup_ip", |case| one_of_each(case, "one_per_ip")),
    ("dedup_normalize", normalize),
    ("dedup_parse_verdict", parse_verdict),
    ("dedup_representatives", representatives),
    ("license_check", license_check),
    ("parse_github", parse_github),
    ("requested_datasets", requested_datasets),
];

/// The texts of a list.
fn texts(json: &Json) -> Result<Vec<&str>, Missed> {
    list(json)?.iter().map(text).collect()
}

fn one_of_each(case: &Case, check: &str) -> Result<Json, Missed> {
    let candidates: Vec<Json> = case
        .list("nodes")?
        .iter()
        .map(|node| {
            let token = node["token"].as_str().is_some_and(|token| !token.is_empty());
            json!({"hotkey": node["hotkey"], "ip": node["ip"], "repository": node["repo"], "token": token})
        })
        .collect();
    let found = play("register", json!({"candidates": candidates, "checks": [check]}))?;
    Ok(list(&found["entrants"])?.iter().map(|it| it["hotkey"].clone()).collect())
}

fn parse_github(case: &Case) -> Result<Json, Missed> {
    let found = register::account(text(case.input)?);
    Ok(found.map_or(Json::Null, |it| json!({"owner": it.owner, "repo": it.repository})))
}

/// The deployed check looks at the default branch. The files of a case are of both states.
fn license_check(case: &Case) -> Result<Json, Missed> {
    let mut licence = case.rule("text", "register.licence")?;
    let any = json!({"LICENSE.md": "a licence", "NOTICE": "a notice"});
    let ours = digests(case.input.get("reference_files").unwrap_or(&any))?;
    let kept = |(name, sha256)| json!({"name": name, "sha256": sha256});
    licence["reference"] = ours.as_object().into_iter().flatten().map(kept).collect();
    let files = digests(case.get("repo_files"))?;
    let candidate =
        json!({"hotkey": "a", "repository": "https://github.com/o/r", "files": files, "default_branch_files": files});
    let found = play("register", json!({"candidates": [candidate], "checks": ["licence"], "licence": licence}))?;
    Ok(json!(list(&found["entrants"])?.len() == 1))
}

/// The digests of texts, each by the name of its file.
fn digests(files: &Json) -> Result<Json, Missed> {
    let mut digests = json!({});
    for (name, text) in files.as_object().into_iter().flatten() {
        digests[name] = play("text_digest", json!({"text": text}))?["sha256"].take();
    }
    Ok(digests)
}

fn requested_datasets(case: &Case) -> Result<Json, Missed> {
    let kept = |tournament: &str| {
        let candidate = json!({"hotkey": "a", "repository": "https://github.com/o/r", "datasets": case.input});
        let (listed, also) = (case.rule(tournament, "register.whitelist")?, case.rule(tournament, "register.also")?);
        let whitelist = [list(&listed)?, list(&also)?].concat();
        let input = json!({
            "candidates": [candidate], "checks": [], "whitelist": whitelist,
            "datasets_most": case.rule(tournament, "register.datasets_most")?,
        });
        Ok::<_, Missed>(play("register", input)?["entrants"][0]["datasets"].take())
    };
    let (text, environment) = (kept("text")?, kept("environment")?);
    if text != environment {
        return Err(Missed::Refused(format!("a text tournament keeps {text}, one of environments {environment}")));
    }
    Ok(text)
}

fn normalize(case: &Case) -> Result<Json, Missed> {
    Ok(json!(dedup::digest::normalised(text(case.input)?)))
}

fn digest(case: &Case) -> Result<Json, Missed> {
    let found = play("digest", json!({"files": case.get("files"), "without": case.rule("text", "dedup.sources")?}))?;
    Ok(json!({"sha256": found["sha256"], "total_chars": found["chars"]}))
}

fn parse_verdict(case: &Case) -> Result<Json, Missed> {
    let found = dedup::verdict::parse(text(case.input)?).map_err(Missed::Refused)?;
    Ok(json!({"relationship": found.relationship.word(), "confidence": found.confidence, "reason": found.reason}))
}

fn same(case: &Case, submissions: &Json, answers: &Json, champion: &Json) -> Result<Json, Missed> {
    let goes = case.rule("text", "dedup.goes")?;
    play("dedup", json!({"submissions": submissions, "answers": answers, "champion": champion, "goes": goes}))
}

/// A judge's answer that makes two the same, whatever their sources are.
fn duplicate(a: &str, b: &str) -> Json {
    json!({"a": a, "b": b, "text": "{\"relationship\": \"duplicate\"}"})
}

fn different(hotkeys: &[&str]) -> Json {
    hotkeys.iter().map(|it| json!({"hotkey": it, "commit": it, "digest": it})).collect()
}

fn cluster(case: &Case) -> Result<Json, Missed> {
    let hotkeys = texts(case.get("hotkeys"))?;
    let pairs: Vec<Vec<&str>> = case.list("pairs")?.iter().map(texts).collect::<Result<_, _>>()?;
    let answers = pairs.iter().flat_map(|it| it.windows(2)).map(|pair| duplicate(pair[0], pair[1])).collect();
    Ok(same(case, &different(&hotkeys), &answers, &Json::Null)?["clusters"].take())
}

fn flag(case: &Case) -> Result<Json, Missed> {
    let clusters: Vec<Vec<&str>> = case.list("clusters")?.iter().map(texts).collect::<Result<_, _>>()?;
    let answers = clusters.iter().flat_map(|it| it.windows(2)).map(|pair| duplicate(pair[0], pair[1])).collect();
    let hotkeys: Vec<&str> = clusters.iter().flatten().copied().collect();
    Ok(same(case, &different(&hotkeys), &answers, case.get("boss"))?["flagged"].take())
}

fn hash_pairs(case: &Case) -> Result<Json, Missed> {
    let submissions: Json = case
        .list("repos")?
        .iter()
        .map(|it| {
            let cloned = it.get("clone_ok").cloned().unwrap_or(json!(true));
            json!({"hotkey": it["hotkey"], "commit": it["head_commit"], "digest": it["normalized_digest"], "cloned": cloned})
        })
        .collect();
    let found = same(case, &submissions, &json!([]), &Json::Null)?;
    let tier = |by: &Json| if by == "commit" { "T0" } else { "T1" };
    Ok(list(&found["pairs"])?.iter().map(|it| json!([it["a"], it["b"], tier(&it["by"])])).collect())
}

/// Pairs of the same source: they share a digest, and so do those whom they hold together.
fn representatives(case: &Case) -> Result<Json, Missed> {
    let hotkeys = texts(case.get("hotkeys"))?;
    let mut digests: BTreeMap<&str, &str> = hotkeys.iter().map(|it| (*it, *it)).collect();
    for pair in case.list("pairs")? {
        let (a, b) = (text(&pair[0])?, text(&pair[1])?);
        if let (Some(to), Some(from)) = (digests.get(a).copied(), digests.get(b).copied()) {
            digests.values_mut().filter(|it| **it == from).for_each(|it| *it = to);
        }
    }
    let submissions: Json =
        hotkeys.iter().map(|it| json!({"hotkey": it, "commit": it, "digest": digests[it]})).collect();
    Ok(same(case, &submissions, &json!([]), case.get("boss"))?["representatives"].take())
}

fn gate(case: &Case) -> Result<Json, Missed> {
    const BURN: &str = "5GU4Xkd3dCGTU3s8VLcHGc5wsD5M8XyxDca5yDQhYm1mVXFu";
    let mut input = match case.text("name")? {
        "no review, run flags" => json!({"flagged": ["a"]}),
        "no review, run leaves a pair unresolved" => json!({"unresolved": 1}),
        "no review, run fails" => json!({"failed": true}),
        "failed before in this process" => json!({"failed": true, "told": true}),
        _ => json!({}),
    };
    input["champion"] = json!(BURN);
    let review = case.get("review");
    if review.is_object() {
        input["review"] = json!({"status": review["status"], "approved": review["approved_eliminations"], "applied": review["resolved"]});
    }
    let found = play("gate", input)?;
    Ok(json!({
        "review_key": "t_round_002", "halt": found["halt"], "eliminate": found["remove"], "applied_now": found["apply"],
        "error_pinged": found["tell"],
    }))
}
