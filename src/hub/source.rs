//! Where uploaded bytes come from: a thread reads a piece of a file ahead of the network. And the sending of them, watched,
//! since an upload has no answer that could be waited for.

use std::{
    io::{self, Read, Seek, SeekFrom},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, RequestBuilder, Response, Url, header};
use tokio::{sync::mpsc, time::Instant};

use super::{
    Hub, Progress,
    ask::Fault,
    folder::{Content, Local},
    pace::Pace,
    trouble::{Trouble, Why, shown},
};

const CHUNK: usize = 256 << 10;
/// Chunks that may wait for the network.
const WAITING_MAX: usize = 8;
/// How often it is looked whether anything moves.
const LOOK: Duration = Duration::from_millis(100);
/// Silences that are borne once all is sent: the other side may have much to do before it answers.
const SILENCES: u32 = 4;

/// What is known of a body while it is sent.
#[derive(Clone, Default)]
pub(super) struct Watch {
    moved: Arc<AtomicU64>,
    failed: Arc<OnceLock<Trouble>>,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) len: u64,
}

/// A piece of a file as the body of a request.
pub(super) fn body(file: &Local, piece: Piece, pace: Arc<Pace>) -> (Body, Watch) {
    let (to, from) = mpsc::channel(WAITING_MAX);
    let watch = Watch::default();
    let (file, failed) = (file.clone(), Arc::clone(&watch.failed));
    drop(tokio::task::spawn_blocking(move || {
        if let Err(trouble) = read(&file, piece, &to) {
            let _ = to.blocking_send(Err(io::Error::other(trouble.message.clone())));
            let _ = failed.set(trouble);
        }
    }));
    (streamed(from, pace, watch.clone()), watch)
}

/// What is sent into the channel as the body of a request.
pub(super) fn streamed(from: mpsc::Receiver<io::Result<Bytes>>, pace: Arc<Pace>, watch: Watch) -> Body {
    Body::wrap_stream(stream::unfold((from, pace, watch), |(mut from, pace, watch)| async move {
        let chunk = from.recv().await?;
        if let Ok(bytes) = &chunk {
            pace.take(bytes.len()).await;
            watch.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Some((chunk, (from, pace, watch)))
    }))
}

impl Watch {
    pub(super) fn fail(&self, trouble: Trouble) {
        let _ = self.failed.set(trouble);
    }
}

/// Nobody listens any more when a chunk cannot be sent, and then there is nothing left to do.
fn read(file: &Local, piece: Piece, to: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), Trouble> {
    let path = match &file.content {
        Content::Memory(bytes) => {
            let piece = bytes.slice(piece.from as usize..(piece.from + piece.len) as usize);
            let _ = to.blocking_send(Ok(piece));
            return Ok(());
        }
        Content::Disk(path) => path,
    };
    let broken = |error: io::Error| Trouble::disk("read", path, &error);
    let mut opened = Content::open(path, file.size)?;
    opened.seek(SeekFrom::Start(piece.from)).map_err(broken)?;
    let mut left = piece.len;
    while left > 0 {
        let mut chunk = vec![0; left.min(CHUNK as u64) as usize];
        opened.read_exact(&mut chunk).map_err(broken)?;
        left -= chunk.len() as u64;
        if to.blocking_send(Ok(Bytes::from(chunk))).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

impl Hub {
    /// Sends a request whose body is watched. `progress` counts its bytes, and forgets them when it fails. Nobody is followed
    /// elsewhere.
    pub(super) async fn push(
        &self,
        what: &str,
        url: &Url,
        request: RequestBuilder,
        len: Option<u64>,
        watch: &Watch,
        progress: Option<&Progress>,
    ) -> Result<Response, Fault> {
        let request = match len {
            Some(len) => request.header(header::CONTENT_LENGTH, len),
            None => request,
        };
        let count = |from: u64, to: u64| progress.into_iter().for_each(|it| it.add(to.saturating_sub(from)));
        let mut sending = pin!(request.send());
        let (mut moved, mut since) = (0, Instant::now());
        let sent = loop {
            let answered = tokio::time::timeout(LOOK, &mut sending).await;
            let now = watch.moved.load(Ordering::Relaxed);
            count(moved, now);
            if now > moved {
                (moved, since) = (now, Instant::now());
            }
            let silence = if len == Some(moved) { self.stall * SILENCES } else { self.stall };
            match answered {
                Ok(Ok(response)) => break Ok(response),
                Ok(Err(error)) => break Err(Trouble::network(&format!("cannot send {what} to"), url, error)),
                Err(_) if since.elapsed() < silence => {}
                Err(_) => {
                    let message = format!(
                        "expected that {} takes {what}, but nothing moved for {} s",
                        shown(url),
                        silence.as_secs()
                    );
                    break Err(Trouble::new(Why::Network, message, "try again later"));
                }
            }
        };
        let fault = match sent {
            Ok(response) if response.status().is_success() => return Ok(response),
            Ok(response) => self.refused(what, url, response).await,
            Err(trouble) => Fault::from(watch.failed.get().cloned().unwrap_or(trouble)),
        };
        progress.into_iter().for_each(|it| it.take_back(moved));
        Err(fault)
    }
}
