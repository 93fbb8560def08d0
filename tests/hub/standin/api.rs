//! The hub itself: repositories, their files and commits, and where large files go.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Node, Repository, StandIn, TOKEN, blob, hex, json_answer, wrong};

impl StandIn {
    pub(super) async fn of_hub(&self, request: Request) -> Response {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let path = request.uri().path().replace("%2F", "/");
        let query = request.uri().query().unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let may_write = headers.get(header::AUTHORIZATION).is_some_and(|it| it == &format!("Bearer {TOKEN}"));
        let is_write =
            method == Method::POST && parts != ["api", "validate-yaml"] && parts.first() != Some(&"complete");
        if is_write && !may_write {
            return wrong(401, "", &format!("Invalid username or password: {headers:?}"));
        }
        let (kind, id) = match parts.as_slice() {
            ["api", kind @ ("models" | "datasets"), owner, name, ..] => (*kind, format!("{kind}/{owner}/{name}")),
            ["datasets", owner, name, "resolve", ..] => ("datasets", format!("datasets/{owner}/{name}")),
            [owner, name, "resolve", ..] => ("models", format!("models/{owner}/{name}")),
            _ => ("", String::new()),
        };
        if !kind.is_empty() {
            let found = self.inside(|it| it.repositories.get(&id).map(|it| (it.private, it.gated)));
            match found {
                None => return wrong(404, "RepoNotFound", "Repository not found"),
                Some((true, _)) if !may_write => return wrong(401, "RepoNotFound", "Invalid username or password."),
                Some((_, true)) => return wrong(403, "GatedRepo", "Access to this model is restricted"),
                _ => {}
            }
        }
        let is_get = method == Method::GET || method == Method::HEAD;
        match parts.as_slice() {
            ["api", "whoami-v2"] if may_write => json_answer(json!({ "type": "user", "name": "tester" })),
            ["api", "whoami-v2"] => wrong(401, "", "Invalid username or password."),
            ["api", "models"] if is_get => json_answer(json!([])),
            ["api", "validate-yaml"] => json_answer(json!({ "errors": [], "warnings": [] })),
            ["api", "repos", "create"] => self.create(&body(request).await),
            ["api", _, _, _] if is_get => self.info(&id, "main"),
            ["api", _, _, _, "revision", revision] if is_get => self.info(&id, revision),
            ["api", _, _, _, "tree", revision] if is_get => self.tree(&id, revision, &path, &query),
            ["api", _, _, _, "preupload", _] => self.preupload(&body(request).await),
            ["api", _, _, _, "commit", _] => {
                let lines = to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
                self.committed(&id, &lines)
            }
            [owner, name, "info", "lfs", "objects", "batch"] => {
                let id = format!("models/{owner}/{}", name.trim_end_matches(".git"));
                self.batch(&id, &body(request).await)
            }
            ["complete", oid] => self.complete(oid, &body(request).await),
            ["verify", oid] => {
                let asked = body(request).await;
                let place = self.object(oid);
                let found = digest(&place);
                let size = std::fs::metadata(&place).map_or(0, |found| found.len());
                if found.as_deref() == Some(*oid) && asked["size"] == size {
                    return StatusCode::OK.into_response();
                }
                let _ = std::fs::remove_file(place);
                wrong(422, "", "the object is not what it should be")
            }
            ["datasets", _, _, "resolve", revision, rest @ ..] | [_, _, "resolve", revision, rest @ ..] if is_get => {
                self.resolve(&id, revision, &rest.join("/"), &headers).await
            }
            _ => wrong(404, "", "no such place"),
        }
    }
}

async fn body(request: Request) -> Value {
    let bytes = to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The digest of a file that may be too large for memory.
fn digest(path: &Path) -> Option<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path).ok()?, Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Large files are those that look so to the hub: by their names, or because they are no text.
fn is_large(path: &str, size: u64) -> bool {
    let ends = [".safetensors", ".bin", ".pt", ".gguf"];
    ends.iter().any(|end| path.ends_with(end)) || size > 10 << 20
}

impl StandIn {
    fn create(&self, asked: &Value) -> Response {
        let plural = if asked["type"] == "dataset" { "datasets" } else { "models" };
        let owner = asked["organization"].as_str().unwrap_or("me");
        let id = format!("{plural}/{owner}/{}", asked["name"].as_str().unwrap_or_default());
        let is_new = self.inside(|it| {
            if it.repositories.contains_key(&id) {
                return false;
            }
            let private = asked["private"] == true || asked["visibility"] == "private";
            let mut made = Repository { private, ..Repository::default() };
            // As the hub does, so that large files are known as such.
            made.add([(".gitattributes".to_owned(), Node::Small("*.safetensors filter=lfs\n".into()))].into());
            it.repositories.insert(id.clone(), made);
            true
        });
        let url = format!("{}/{}", self.endpoint(), id.trim_start_matches("models/"));
        if is_new {
            return json_answer(json!({ "url": url }));
        }
        let said = json!({ "error": "You already created this model repo", "url": url });
        (StatusCode::CONFLICT, axum::Json(said)).into_response()
    }

    /// The files at a revision with its commit, if there is one.
    fn at(&self, id: &str, revision: &str) -> Result<(String, BTreeMap<String, Node>), Box<Response>> {
        let found = self.inside(|it| it.repositories[id].at(revision).cloned());
        found.ok_or_else(|| Box::new(wrong(404, "RevisionNotFound", "Invalid rev id")))
    }

    fn info(&self, id: &str, revision: &str) -> Response {
        let (oid, files) = match self.at(id, revision) {
            Ok(found) => found,
            Err(response) => return *response,
        };
        let name = id.split_once('/').map_or(id, |(_, name)| name);
        let siblings: Vec<_> = files.keys().map(|path| json!({ "rfilename": path })).collect();
        json_answer(json!({
            "_id": "0", "id": name, "modelId": name, "sha": oid, "siblings": siblings, "private": false, "gated": false,
            "disabled": false, "downloads": 0, "likes": 0, "tags": [], "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
        }))
    }

    fn tree(&self, id: &str, revision: &str, path: &str, query: &str) -> Response {
        let (_, files) = match self.at(id, revision) {
            Ok(found) => found,
            Err(response) => return *response,
        };
        let mut items = Vec::new();
        for (path, node) in &files {
            if let Some((folder, _)) = path.split_once('/')
                && !items.iter().any(|it: &Value| it["path"] == folder)
            {
                items.push(json!({ "type": "directory", "path": folder, "size": 0, "oid": blob(b"") }));
            }
            items.push(node.json(path));
        }
        let size = self.inside(|it| it.page).unwrap_or(1_000);
        let from: usize = query.split("cursor=").nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
        let more = items.len() > from + size;
        let page = Value::from(items.into_iter().skip(from).take(size).collect::<Vec<_>>());
        let mut answer = json_answer(page);
        if more {
            let next = format!("<{}{path}?recursive=true&cursor={}>; rel=\"next\"", self.endpoint(), from + size);
            answer.headers_mut().insert(header::LINK, next.parse().unwrap());
        }
        answer
    }

    #[expect(clippy::unused_self, reason = "it stands with the other answers")]
    fn preupload(&self, asked: &Value) -> Response {
        let asked = asked["files"].as_array().cloned().unwrap_or_default();
        assert!(asked.len() <= 256, "the hub takes no more than 256 files at once");
        let files: Vec<_> = asked
            .iter()
            .map(|file| {
                let (path, size) = (file["path"].as_str().unwrap(), file["size"].as_u64().unwrap());
                let sample = BASE64.decode(file["sample"].as_str().unwrap()).unwrap();
                assert_eq!(sample.len() as u64, size.min(512), "the sample is the beginning of the file");
                let mode = if is_large(path, size) { "lfs" } else { "regular" };
                json!({ "path": path, "uploadMode": mode, "shouldIgnore": path.ends_with(".ignored"), "oid": null })
            })
            .collect();
        json_answer(json!({ "files": files, "commitOid": "" }))
    }

    fn batch(&self, id: &str, asked: &Value) -> Response {
        if !self.inside(|it| it.repositories.contains_key(id)) {
            return wrong(404, "RepoNotFound", "Repository not found");
        }
        let part = self.inside(|it| it.part);
        let (hub, storage) = (self.endpoint(), self.storage());
        let objects: Vec<_> = asked["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|object| {
                let (oid, size) = (object["oid"].as_str().unwrap(), object["size"].as_u64().unwrap());
                if self.object(oid).exists() {
                    return json!({ "oid": oid, "size": size });
                }
                let upload = match part.filter(|part| *part < size) {
                    None => json!({ "href": format!("{storage}/object/{oid}?X-Amz-Signature=secret") }),
                    Some(part) => {
                        let mut header = json!({ "chunk_size": part.to_string() });
                        for number in 1..=size.div_ceil(part) {
                            header[format!("{number:05}")] =
                                format!("{storage}/part/{oid}/{number}?X-Amz-Signature=secret").into();
                        }
                        json!({ "href": format!("{hub}/complete/{oid}?uploadId=secret"), "header": header })
                    }
                };
                let verify = json!({ "href": format!("{hub}/verify/{oid}"), "header": {} });
                json!({ "oid": oid, "size": size, "actions": { "upload": upload, "verify": verify } })
            })
            .collect();
        json_answer(json!({ "transfer": if part.is_some() { "multipart" } else { "basic" }, "objects": objects }))
    }

    fn complete(&self, oid: &str, asked: &Value) -> Response {
        let mut whole = Vec::new();
        for part in asked["parts"].as_array().unwrap() {
            let number = part["partNumber"].as_u64().unwrap() as usize;
            let Some(content) = self.inside(|it| it.parts.get(&(oid.to_owned(), number)).cloned()) else {
                return wrong(404, "", "no such part");
            };
            let tag = format!("\"{}\"", hex(&Sha256::digest(&content)));
            if part["etag"] != tag {
                return wrong(400, "", "the part is another one");
            }
            whole.extend_from_slice(&content);
        }
        std::fs::write(self.object(oid), whole).unwrap();
        self.inside(|it| it.parts.retain(|(of, _), _| of != oid));
        (StatusCode::OK, "<Result/>").into_response()
    }

    fn committed(&self, id: &str, lines: &Bytes) -> Response {
        let lines: Vec<Value> =
            lines.split(|byte| *byte == b'\n').filter_map(|it| serde_json::from_slice(it).ok()).collect();
        let (mut files, mut parent) = (BTreeMap::new(), None);
        let newest = self.inside(|it| it.repositories[id].commits.last().cloned());
        if let Some((_, newest)) = &newest {
            files.clone_from(newest);
        }
        for line in &lines {
            let value = &line["value"];
            let path = || value["path"].as_str().unwrap().to_owned();
            match line["key"].as_str().unwrap() {
                "header" => parent = value["parentCommit"].as_str(),
                "file" => {
                    let content = BASE64.decode(value["content"].as_str().unwrap()).unwrap();
                    files.insert(path(), Node::Small(content.into()));
                }
                "lfsFile" => {
                    let oid = value["oid"].as_str().unwrap().to_owned();
                    if !self.object(&oid).exists() {
                        return wrong(400, "", "the object is not there");
                    }
                    files.insert(path(), Node::Large { oid, size: value["size"].as_u64().unwrap() });
                }
                "deletedFile" => assert!(files.remove(&path()).is_some(), "only what is there is deleted"),
                other => return wrong(400, "", other),
            }
        }
        if parent.is_some() && parent != newest.as_ref().map(|(oid, _)| oid.as_str()) {
            return wrong(412, "", "A commit has happened since. Please refresh and try again.");
        }
        let oid = self.commit(id, files);
        let url = format!("{}/{id}/commit/{oid}", self.endpoint());
        json_answer(json!({ "success": true, "commitOid": oid, "commitUrl": url, "hookOutput": "" }))
    }

    async fn resolve(&self, id: &str, revision: &str, path: &str, headers: &HeaderMap) -> Response {
        let (commit, node) = match self.at(id, revision) {
            Ok((commit, mut files)) => (commit, files.remove(path)),
            Err(response) => return *response,
        };
        let mut answer = match node {
            None => wrong(404, "EntryNotFound", "Entry not found"),
            Some(Node::Large { oid, size }) => {
                let to = format!("{}/object/{oid}?X-Amz-Signature=secret", self.storage());
                let told = [
                    ("location", to),
                    ("x-linked-etag", format!("\"{oid}\"")),
                    ("x-linked-size", size.to_string()),
                    ("etag", format!("\"{}\"", blob(oid.as_bytes()))),
                ];
                (StatusCode::FOUND, told).into_response()
            }
            Some(Node::Small(content)) => {
                let tag = blob(&content);
                self.serve(headers, Node::Small(content), &tag).await
            }
        };
        answer.headers_mut().insert("x-repo-commit", commit.parse().unwrap());
        answer
    }
}
