//! Brings the bytes behind one address into one file, gone on with after each break, and verified.

use std::path::Path;

use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{self, HeaderValue},
};

use super::{
    Hub, Progress,
    ask::Fault,
    digest::Digest,
    sink::Sink,
    trouble::{Trouble, Why, shown},
};

/// So much must have come before the tries are counted anew.
const MOVED_MIN: u64 = 8 << 20;

/// What is behind an address.
pub(super) struct Behind<'a> {
    /// What it is called in messages.
    pub(super) what: &'a str,
    pub(super) url: &'a Url,
    pub(super) client: &'a Client,
    pub(super) size: Option<u64>,
    /// What is longer is refused.
    pub(super) size_limit: Option<u64>,
    pub(super) digest: Option<Digest>,
}

/// What is known from one try to the next.
#[derive(Default)]
struct Known {
    /// By which the other side tells whether it is still the same.
    tag: Option<HeaderValue>,
    /// Bytes that the progress was told to expect.
    expected: u64,
}

/// How one request ended.
enum End {
    Whole,
    /// What is here does not go together with what is there.
    Anew,
}

impl Hub {
    /// The file holds it, verified, when this is well. What broke off stays, and whoever asks again goes on with it, if a
    /// digest tells in the end whether it was the same.
    pub(super) async fn fetch(&self, it: &Behind<'_>, into: &Path, progress: &Progress) -> Result<u64, Trouble> {
        let mut sink = Sink::open(into, it.digest.as_ref(), it.size, it.digest.is_none()).await?;
        progress.add(sink.len);
        let (mut patience, mut moved_at, mut is_fresh) = (self.patience(), sink.len, sink.len == 0);
        let mut known = Known::default();
        loop {
            let ended = match it.size {
                Some(size) if sink.len == size => Ok(End::Whole),
                _ => self.bring(it, &mut sink, &mut known, progress).await,
            };
            let fault = match ended {
                Ok(End::Anew) => None,
                Ok(End::Whole) => {
                    let len = sink.len;
                    let found = sink.end().await?;
                    let Some(wanted) = it.digest.as_ref().filter(|wanted| wanted.digits() != found) else {
                        return Ok(len);
                    };
                    let told = format!(
                        "expected {} with the digest {}, but {} gave {len} bytes with {found}",
                        it.what,
                        wanted.digits(),
                        shown(it.url)
                    );
                    // Some of it may be left from before, and spoilt; once all of it is from now, it is the other side's.
                    if is_fresh {
                        let _ = tokio::fs::remove_file(into).await;
                        return Err(Trouble::bad(
                            told,
                            "what was sent has been thrown away; tell whoever has put it there",
                        ));
                    }
                    progress.take_back(len);
                    sink = Sink::open(into, it.digest.as_ref(), it.size, true).await?;
                    (is_fresh, moved_at) = (true, 0);
                    continue;
                }
                Err(fault) => Some(fault),
            };
            if fault.is_none() || (it.digest.is_none() && known.tag.is_none()) {
                progress.take_back(sink.len);
                sink.end().await?;
                sink = Sink::open(into, it.digest.as_ref(), it.size, true).await?;
                (is_fresh, moved_at) = (true, 0);
            } else if sink.len >= moved_at + MOVED_MIN {
                moved_at = sink.len;
                patience.renew();
            }
            let restart = || {
                let message = format!("expected the rest of {} from {}, which cannot give it", it.what, shown(it.url));
                Fault::from(Trouble::new(Why::Network, message, "try again later"))
            };
            patience.bear(fault.unwrap_or_else(restart)).await?;
        }
    }

    /// One request for what is missing.
    async fn bring(
        &self,
        it: &Behind<'_>,
        sink: &mut Sink,
        known: &mut Known,
        progress: &Progress,
    ) -> Result<End, Fault> {
        let from = sink.len;
        let tag = known.tag.clone();
        let make = |client: &Client, url: Url| -> RequestBuilder {
            let request = client.get(url).header(header::ACCEPT_ENCODING, "identity");
            if from == 0 {
                return request;
            }
            let request = request.header(header::RANGE, format!("bytes={from}-"));
            tag.iter().fold(request, |request, tag| request.header(header::IF_RANGE, tag))
        };
        let mut response = match self.send(it.client, it.what, it.url, &make).await {
            Ok(response) => response,
            Err(fault) if from > 0 && fault.trouble.answered(StatusCode::RANGE_NOT_SATISFIABLE) => {
                return Ok(End::Anew);
            }
            Err(fault) => return Err(fault),
        };
        if from > 0 && !(response.status() == StatusCode::PARTIAL_CONTENT && begins_at(&response, from)) {
            return Ok(End::Anew);
        }
        let size = it.size.or_else(|| response.content_length().map(|rest| from + rest));
        let most = size.into_iter().chain(it.size_limit).min();
        if let (Some(size), Some(limit)) = (size, it.size_limit)
            && size > limit
        {
            return Err(too_large(it, limit, &format!("has {size}")).into());
        }
        if it.size.is_none()
            && let Some(size) = size
        {
            progress.expect(size.saturating_sub(known.expected));
            known.expected = known.expected.max(size);
        }
        if it.digest.is_none() {
            known.tag = response.headers().get(header::ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"")).cloned();
        }
        loop {
            let next = response.chunk().await;
            let next =
                next.map_err(|error| Trouble::network(&format!("cannot get all of {} from", it.what), it.url, error))?;
            let Some(bytes) = next else { break };
            let len = bytes.len() as u64;
            if let Some(most) = most.filter(|most| sink.len + len > *most) {
                return Err(match it.size_limit {
                    Some(limit) if limit == most => too_large(it, limit, "sends more"),
                    _ => {
                        let message = format!("expected {most} bytes of {}, but {} sends more", it.what, shown(it.url));
                        Trouble::bad(message, "try another revision, or tell whoever has put it there")
                    }
                }
                .into());
            }
            self.pace.take(bytes.len()).await;
            if sink.put(bytes).await.is_none() {
                // The disk has failed, which the end of the sink tells.
                return Ok(End::Whole);
            }
            progress.add(len);
        }
        match size.filter(|size| *size != sink.len) {
            None => Ok(End::Whole),
            Some(size) => {
                let came = sink.len;
                let message = format!("expected {size} bytes of {}, but {} gave only {came}", it.what, shown(it.url));
                Err(Trouble::new(Why::Network, message, "try again later").into())
            }
        }
    }
}

fn too_large(it: &Behind<'_>, limit: u64, found: &str) -> Trouble {
    let message = format!("expected at most {limit} bytes of {}, but {} {found}", it.what, shown(it.url));
    Trouble::new(Why::TooLarge, message, "choose a smaller one, or raise the limit")
}

fn begins_at(response: &Response, from: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(from)
}
