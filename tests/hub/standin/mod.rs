//! A stand-in for the hub: as much of its protocol as is used, kept on the disk of a test, with faults on demand.
//!
//! It listens twice. The hub is at the first address; the storage that it sends clients to is at the second, which is
//! another host to them, so that it must never see a token.

mod api;
mod storage;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "hf_of_the_test";

#[derive(Clone)]
pub(crate) struct StandIn(Arc<Inner>);

struct Inner {
    hub: String,
    storage: String,
    root: tempfile::TempDir,
    state: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    repositories: BTreeMap<String, Repository>,
    plain: BTreeMap<String, Bytes>,
    /// Parts of files that are on their way, by digest and number.
    parts: BTreeMap<(String, usize), Bytes>,
    faults: Vec<(String, usize, Fault)>,
    seen: Vec<Seen>,
    /// Bytes from which on a file goes in parts, and the size of those.
    part: Option<u64>,
    page: Option<usize>,
}

#[derive(Clone, Default)]
struct Repository {
    commits: Vec<(String, BTreeMap<String, Node>)>,
    private: bool,
    gated: bool,
}

#[derive(Clone)]
enum Node {
    Small(Bytes),
    Large { oid: String, size: u64 },
}

/// What goes wrong, where an address has some text in it, so many times.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Status(u16, Vec<(&'static str, String)>),
    /// The body breaks off after so many bytes.
    Cut(usize),
    /// The body stands still after so many bytes.
    Stall(usize),
    /// The first byte is another one.
    Wrong,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: bool,
    pub(crate) range: Option<String>,
    pub(crate) storage: bool,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let (hub, storage) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let at = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let root = tempfile::tempdir().unwrap();
        let inner = Inner { hub: at(&hub), storage: at(&storage), root, state: Mutex::default() };
        let it = Self(Arc::new(inner));
        for (listener, is_storage) in [(hub, false), (storage, true)] {
            let router = Router::new().fallback(answer).with_state((it.clone(), is_storage));
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        it
    }

    pub(crate) fn endpoint(&self) -> String {
        self.0.hub.clone()
    }

    pub(crate) fn storage(&self) -> String {
        self.0.storage.clone()
    }

    fn inside<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        work(&mut self.0.state.lock().unwrap())
    }

    /// Where a file of the storage lies.
    pub(crate) fn object(&self, oid: &str) -> PathBuf {
        self.0.root.path().join(oid)
    }

    pub(crate) fn fault(&self, at: &str, times: usize, fault: Fault) {
        self.inside(|it| it.faults.push((at.to_owned(), times, fault)));
    }

    pub(crate) fn parts_of(&self, bytes: u64) {
        self.inside(|it| it.part = Some(bytes));
    }

    /// Throws away parts that have not become a file, as storage does after a while.
    pub(crate) fn forget_parts(&self) {
        self.inside(|it| it.parts.clear());
    }

    pub(crate) fn pages_of(&self, files: usize) {
        self.inside(|it| it.page = Some(files));
    }

    /// Nothing goes wrong any more, and what was seen is forgotten.
    pub(crate) fn heal(&self) {
        self.inside(|it| {
            it.faults.clear();
            it.seen.clear();
        });
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inside(|it| it.seen.clone())
    }

    /// Requests with this method whose address has this text in it.
    pub(crate) fn count(&self, method: &Method, text: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == *method && seen.path.contains(text)).count()
    }

    pub(crate) fn put_plain(&self, name: &str, content: &[u8]) -> String {
        self.inside(|it| it.plain.insert(name.to_owned(), Bytes::copy_from_slice(content)));
        format!("{}/plain/{name}?X-Amz-Signature=secret", self.0.storage)
    }

    /// Adds a commit to a repository such as `models/o/m`. Files whose names end in `.safetensors` are large ones.
    pub(crate) fn put(&self, repository: &str, files: &[(&str, &[u8])]) -> String {
        let nodes = files.iter().map(|(path, content)| {
            let node = if path.ends_with(".safetensors") {
                let oid = hex(&Sha256::digest(content));
                std::fs::write(self.object(&oid), content).unwrap();
                Node::Large { oid, size: content.len() as u64 }
            } else {
                Node::Small(Bytes::copy_from_slice(content))
            };
            ((*path).to_owned(), node)
        });
        self.commit(repository, nodes.collect())
    }

    fn commit(&self, repository: &str, files: BTreeMap<String, Node>) -> String {
        self.inside(|it| it.repositories.entry(repository.to_owned()).or_default().add(files))
    }

    pub(crate) fn lock_up(&self, repository: &str, private: bool, gated: bool) {
        self.inside(|it| {
            let repository = it.repositories.get_mut(repository).unwrap();
            (repository.private, repository.gated) = (private, gated);
        });
    }

    /// The newest files of a repository with their sizes, and how many commits it has.
    pub(crate) fn look(&self, repository: &str) -> (usize, BTreeMap<String, u64>) {
        self.inside(|it| {
            let commits = &it.repositories[repository].commits;
            let files = commits.last().map(|(_, files)| files.iter().map(|(path, node)| (path.clone(), node.size())));
            (commits.len(), files.into_iter().flatten().collect())
        })
    }

    pub(crate) fn is_private(&self, repository: &str) -> bool {
        self.inside(|it| it.repositories[repository].private)
    }

    pub(crate) fn read(&self, repository: &str, path: &str) -> Vec<u8> {
        match self.inside(|it| it.repositories[repository].commits.last().unwrap().1[path].clone()) {
            Node::Small(content) => content.to_vec(),
            Node::Large { oid, .. } => std::fs::read(self.object(&oid)).unwrap(),
        }
    }
}

impl Repository {
    fn add(&mut self, files: BTreeMap<String, Node>) -> String {
        let sizes: Vec<_> = files.iter().map(|(path, node)| (path, node.size())).collect();
        let oid = hex(&Sha1::digest(format!("{} {sizes:?}", self.commits.len())));
        self.commits.push((oid.clone(), files));
        oid
    }

    fn at(&self, revision: &str) -> Option<&(String, BTreeMap<String, Node>)> {
        match revision {
            "main" => self.commits.last(),
            oid => self.commits.iter().find(|(it, _)| it == oid),
        }
    }
}

impl Node {
    fn size(&self) -> u64 {
        match self {
            Self::Small(content) => content.len() as u64,
            Self::Large { size, .. } => *size,
        }
    }

    fn json(&self, path: &str) -> Value {
        match self {
            Self::Small(content) => {
                json!({ "type": "file", "path": path, "size": content.len(), "oid": blob(content) })
            }
            Self::Large { oid, size } => json!({
                "type": "file", "path": path, "size": size, "oid": blob(oid.as_bytes()),
                "lfs": { "oid": oid, "size": size, "pointerSize": 130 },
            }),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn blob(content: &[u8]) -> String {
    hex(&Sha1::new_with_prefix(format!("blob {}\0", content.len())).chain_update(content).finalize())
}

fn wrong(status: u16, code: &'static str, said: &str) -> Response {
    let headers = [("x-error-code", code), ("x-error-message", said)];
    (StatusCode::from_u16(status).unwrap(), headers, axum::Json(json!({ "error": said }))).into_response()
}

fn json_answer(value: Value) -> Response {
    axum::Json(value).into_response()
}

async fn answer(State((it, is_storage)): State<(StandIn, bool)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let token = request.headers().get(header::AUTHORIZATION).is_some();
    let range = request.headers().get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
    let seen = Seen { method: request.method().clone(), path: path.clone(), token, range, storage: is_storage };
    let fault = it.inside(|it| {
        it.seen.push(seen);
        let at = it.faults.iter().position(|(at, times, _)| *times > 0 && path.contains(at.as_str()))?;
        it.faults[at].1 -= 1;
        Some(it.faults[at].2.clone())
    });
    if let Some(Fault::Status(status, headers)) = &fault {
        let mut response = (StatusCode::from_u16(*status).unwrap(), "<secret>").into_response();
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        return response;
    }
    if let (Some(Fault::Stall(_)), &Method::PUT) = (&fault, request.method()) {
        tokio::time::sleep(Duration::from_hours(1)).await;
    }
    let response = if is_storage { it.of_storage(request).await } else { it.of_hub(request).await };
    let limit = match fault {
        Some(Fault::Cut(bytes) | Fault::Stall(bytes)) => bytes,
        Some(Fault::Wrong) => usize::MAX,
        _ => return response,
    };
    let (head, body) = response.into_parts();
    let cut = matches!(fault, Some(Fault::Cut(_)));
    let mut left = limit;
    let mut is_first = matches!(fault, Some(Fault::Wrong));
    let begun = body.into_data_stream().map(move |chunk| {
        let mut chunk = chunk?.to_vec();
        chunk.truncate(left);
        left -= chunk.len();
        if let (Some(first), true) = (chunk.first_mut(), std::mem::take(&mut is_first)) {
            *first ^= 1;
        }
        Ok::<_, axum::Error>(chunk)
    });
    let broken = stream::once(async move {
        if limit == usize::MAX {
            return Ok(Vec::new());
        }
        if !cut {
            tokio::time::sleep(Duration::from_hours(1)).await;
        }
        // What was sent shall arrive before the connection ends.
        tokio::time::sleep(Duration::from_millis(30)).await;
        Err(axum::Error::new("cut off"))
    });
    let begun = begun.take_while(|chunk| std::future::ready(chunk.as_ref().map_or(true, |chunk| !chunk.is_empty())));
    Response::from_parts(head, Body::from_stream(begun.chain(broken)))
}
