//! The storage: objects of the hub by their digests, and plain files at presigned addresses.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::{Node, StandIn, hex, wrong};

impl StandIn {
    pub(super) async fn of_storage(&self, request: Request) -> Response {
        let (method, path, headers) =
            (request.method().clone(), request.uri().path().to_owned(), request.headers().clone());
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            (Method::GET | Method::HEAD, ["object", oid]) => {
                self.serve(&headers, Node::Large { oid: (*oid).to_owned(), size: 0 }, oid).await
            }
            (Method::GET, ["plain", name]) => match self.inside(|it| it.plain.get(*name).cloned()) {
                Some(content) => {
                    let tag = hex(&Sha256::digest(&content));
                    self.serve(&headers, Node::Small(content), &tag).await
                }
                None => wrong(404, "", "no such file"),
            },
            (Method::PUT, ["object", oid]) => {
                let place = self.object(oid).with_extension("new");
                let mut file = tokio::fs::File::create(&place).await.unwrap();
                let mut body = request.into_body().into_data_stream();
                while let Some(Ok(chunk)) = body.next().await {
                    file.write_all(&chunk).await.unwrap();
                }
                file.flush().await.unwrap();
                std::fs::rename(place, self.object(oid)).unwrap();
                StatusCode::OK.into_response()
            }
            (Method::PUT, ["part", oid, number]) => {
                let Ok(content) = to_bytes(request.into_body(), usize::MAX).await else {
                    return wrong(400, "", "cut off");
                };
                let tag = format!("\"{}\"", hex(&Sha256::digest(&content)));
                self.inside(|it| it.parts.insert(((*oid).to_owned(), number.parse().unwrap()), content));
                [(header::ETAG, tag)].into_response()
            }
            _ => wrong(404, "", "no such place"),
        }
    }

    /// Content, or the range of it that is asked for.
    pub(super) async fn serve(&self, headers: &HeaderMap, node: Node, tag: &str) -> Response {
        let tag = format!("\"{tag}\"");
        let (size, place) = match &node {
            Node::Small(content) => (content.len() as u64, None),
            Node::Large { oid, .. } => match std::fs::metadata(self.object(oid)) {
                Ok(found) => (found.len(), Some(self.object(oid))),
                Err(_) => return wrong(404, "EntryNotFound", "no such object"),
            },
        };
        let is_same = headers.get(header::IF_RANGE).is_none_or(|wanted| *wanted == tag);
        let range = headers.get(header::RANGE).filter(|_| is_same).and_then(|range| range.to_str().ok());
        let from: u64 =
            range.and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok()).unwrap_or(0);
        if range.is_some() && from >= size {
            return wrong(416, "", "no such range");
        }
        let body = match (node, place) {
            (Node::Small(content), _) => Body::from(content.slice(from as usize..)),
            (_, place) => {
                let mut file = tokio::fs::File::open(place.unwrap()).await.unwrap();
                file.set_max_buf_size(1 << 20);
                file.seek(std::io::SeekFrom::Start(from)).await.unwrap();
                Body::from_stream(stream::unfold(file, |mut file| async move {
                    let mut chunk = vec![0; 1 << 20];
                    let read = file.read(&mut chunk).await.unwrap();
                    chunk.truncate(read);
                    (read > 0).then_some((Ok::<_, std::io::Error>(chunk), file))
                }))
            }
        };
        let mut answer = Response::builder().header(header::ETAG, tag).header(header::CONTENT_LENGTH, size - from);
        if range.is_some() {
            let told = format!("bytes {from}-{}/{size}", size - 1);
            answer = answer.status(206).header(header::CONTENT_RANGE, told);
        }
        answer.body(body).unwrap()
    }
}
