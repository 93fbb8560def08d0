//! One request to the outside: redirects followed with care, answers told apart, tries counted.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{
    Hub,
    trouble::{Trouble, Why, plain, shown},
};

const REDIRECTS_MAX: usize = 8;
const TRIES_MAX: u32 = 5;
/// Bytes of an answer that is read as a whole.
const ANSWER_MAX: usize = 64 << 20;

/// A try that went wrong.
pub(super) struct Fault {
    pub(super) trouble: Trouble,
    /// How long the other side wants to be left alone.
    wait: Option<Duration>,
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, wait: None }
    }
}

/// How much longer something is tried.
pub(super) struct Patience {
    tries: u32,
    all: Duration,
    waited: Duration,
}

impl Patience {
    /// Waits before the next try, or gives the trouble back when there is none: it would not help, or it was the last.
    pub(super) async fn bear(&mut self, fault: Fault) -> Result<(), Trouble> {
        let Fault { mut trouble, wait } = fault;
        if !trouble.may_pass() {
            return Err(trouble);
        }
        self.tries += 1;
        // 1, 2, 4, 8 sixtieths: half a second to four of the usual half a minute.
        let wait = wait.unwrap_or(self.all / 60 * (1 << (self.tries - 1).min(3)));
        if self.tries >= TRIES_MAX {
            trouble.message = format!("{} ({TRIES_MAX} tries)", trouble.message);
            return Err(trouble);
        }
        self.waited += wait;
        if self.waited > self.all {
            trouble.message = format!("{}; it asks to wait for {} s", trouble.message, wait.as_secs());
            return Err(trouble);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Begins anew, since something has moved.
    pub(super) fn renew(&mut self) {
        self.tries = 0;
        self.waited = Duration::ZERO;
    }
}

impl Hub {
    pub(super) fn patience(&self) -> Patience {
        Patience { tries: 0, all: self.patience, waited: Duration::ZERO }
    }

    /// An address of the hub, from parts that are written as they must be. Revisions may have `/` in them, which is escaped.
    pub(super) fn at(&self, parts: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Asks the hub for something as JSON; the answer, and where the next page of it is.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, url: &Url) -> Result<(T, Option<Url>), Trouble> {
        let mut patience = self.patience();
        loop {
            let once = async {
                let response = self.send(&self.client, what, url, &|client, url| client.get(url)).await?;
                let next = next_page(&response, url);
                Ok((parsed(what, url, &self.read(what, url, response).await?)?, next))
            };
            match once.await {
                Ok(answer) => return Ok(answer),
                Err(fault) => patience.bear(fault).await?,
            }
        }
    }

    /// Sends JSON, of the media type `form`, and gives what is answered, to be [`parsed`] where it matters.
    pub(super) async fn post(
        &self,
        what: &str,
        url: &Url,
        form: &'static str,
        body: &impl Serialize,
    ) -> Result<Vec<u8>, Trouble> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Trouble::bad(
                format!("cannot write what to ask for {what} as JSON: {error}"),
                "give names without odd signs",
            )
        })?;
        let body = bytes::Bytes::from(body);
        let mut patience = self.patience();
        loop {
            let once = async {
                let make = |client: &Client, url| {
                    let request = client.post(url).header(header::CONTENT_TYPE, form).header(header::ACCEPT, form);
                    request.body(body.clone())
                };
                let response = self.send(&self.client, what, url, &make).await?;
                self.read(what, url, response).await
            };
            match once.await {
                Ok(answer) => return Ok(answer),
                Err(fault) => patience.bear(fault).await?,
            }
        }
    }

    /// One try. An answer is one of success; any other is a fault.
    pub(super) async fn send(
        &self,
        client: &Client,
        what: &str,
        url: &Url,
        make: &(dyn Fn(&Client, Url) -> RequestBuilder + Send + Sync),
    ) -> Result<Response, Fault> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let request = make(client, url.clone());
            let request = match &self.token {
                Some(token) => token.shown_to(&self.endpoint, &url, request),
                None => request,
            };
            let request =
                request.build().map_err(|error| Trouble::network(&format!("cannot ask for {what} at"), &url, error))?;
            let may_follow = matches!(*request.method(), Method::GET | Method::HEAD);
            let response = client
                .execute(request)
                .await
                .map_err(|error| Trouble::network(&format!("cannot get {what} from"), &url, error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            if !response.status().is_redirection() || !may_follow {
                return Err(self.refused(what, &url, response).await);
            }
            url = redirected(what, &url, &response)?;
            if std::ptr::eq(client, &raw const self.strangers) {
                self.reach.check(&url)?;
            }
        }
        let message =
            format!("expected {what} after at most {REDIRECTS_MAX} redirects, found one more at {}", shown(&url));
        Err(Trouble::bad(message, "check the address").into())
    }

    /// What an answer means that is none of success.
    pub(super) async fn refused(&self, what: &str, url: &Url, response: Response) -> Fault {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let code = text("x-error-code");
        let ours = url.origin() == self.endpoint.origin();
        // Storage repeats in its errors what was signed, so only the hub itself is quoted.
        let said = if ours { self.quoted(&text("x-error-message"), response).await } else { String::new() };
        let (why, help) = match (code.as_str(), status.as_u16()) {
            ("GatedRepo", _) => (Why::NotAllowed, "accept its terms on the hub, as the owner of the token"),
            ("RepoNotFound" | "RevisionNotFound" | "EntryNotFound", _) | ("", 404 | 410) => {
                (Why::NotThere, "check the name and the revision; without a token for it, a private one looks the same")
            }
            (_, 401 | 403) if !ours => (Why::NotAllowed, "check the address: it may have expired"),
            (_, 401 | 403) if self.token.is_some() => (Why::NotAllowed, "give a token of the hub that may do this"),
            (_, 401 | 403) => (Why::NotAllowed, "give a token of the hub: there is none"),
            (_, 413) => (Why::TooLarge, "make it smaller"),
            (_, 408 | 425 | 429) => (Why::Network, "try again later, or with less at once"),
            (_, 500..) => (Why::Network, "try again later"),
            (_, 404 | 410) => (Why::NotThere, "check the name and the revision"),
            _ => (Why::Bad, "check the address of the hub, and that it speaks this protocol"),
        };
        let message = format!("expected {what}, but {} answered {status}{said}", shown(url));
        let wait = retry_after(status, &text("retry-after"));
        Fault { trouble: Trouble { status: Some(status), ..Trouble::new(why, message, help) }, wait }
    }

    /// The whole answer.
    pub(super) async fn read(&self, what: &str, url: &Url, response: Response) -> Result<Vec<u8>, Fault> {
        limited(response, ANSWER_MAX, self.stall).await.map_err(|broken| {
            let expected = format!("expected {what}, but {}", shown(url));
            let trouble = match broken {
                Broken::Off(error) => Trouble::network(&format!("cannot read {what} from"), url, error),
                Broken::Silent => {
                    let message = format!("{expected} was silent for {} s", self.stall.as_secs());
                    Trouble::new(Why::Network, message, "try again later")
                }
                Broken::TooLong => {
                    let message = format!("{expected} answered more than {ANSWER_MAX} bytes");
                    Trouble::new(Why::TooLarge, message, "check the address")
                }
            };
            trouble.into()
        })
    }

    async fn quoted(&self, header: &str, response: Response) -> String {
        let said = if header.is_empty() {
            let body = limited(response, 64 << 10, self.stall).await.unwrap_or_default();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            ["error", "message"].iter().find_map(|name| body.get(name)?.as_str()).unwrap_or_default().to_owned()
        } else {
            header.to_owned()
        };
        let said = self.token.as_ref().map_or(said.clone(), |token| token.hidden_in(&said));
        if said.is_empty() { said } else { format!(": {}", plain(&said, 200)) }
    }
}

fn redirected(what: &str, url: &Url, response: &Response) -> Result<Url, Trouble> {
    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
    let next = to.and_then(|to| url.join(to).ok());
    let wrong = |found: String| {
        let message = format!("expected {what} behind {}, found {found}", shown(url));
        Trouble::bad(message, "check the address")
    };
    let Some(next) = next else { return Err(wrong(format!("{} without an address to go to", response.status()))) };
    let leaves =
        if url.scheme() == "https" { next.scheme() != "https" } else { !matches!(next.scheme(), "http" | "https") };
    if leaves {
        return Err(wrong(format!("a redirect that leaves `{}`, to {}", url.scheme(), shown(&next))));
    }
    Ok(next)
}

fn retry_after(status: StatusCode, said: &str) -> Option<Duration> {
    let asked = matches!(status.as_u16(), 429 | 503).then(|| said.trim().parse().ok())?;
    asked.map(Duration::from_secs)
}

/// The address of the next page, as `Link: <…>; rel="next"` says, if it is on the same host.
fn next_page(response: &Response, url: &Url) -> Option<Url> {
    let links = response.headers().get(header::LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let next = url.join(next.split_once('<')?.1.split_once('>')?.0).ok()?;
    (next.origin() == url.origin()).then_some(next)
}

/// The answer as JSON.
pub(super) fn parsed<T: DeserializeOwned>(what: &str, url: &Url, answer: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(answer).map_err(|error| {
        let message = format!("expected {what} as JSON from {}, which cannot be read: {error}", shown(url));
        Trouble::bad(message, "check the address of the hub, and that it speaks this protocol")
    })
}

/// The body, or nothing as the error when it is too long.
async fn limited(mut response: Response, most: usize, stall: Duration) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    loop {
        let chunk = timeout(stall, response.chunk()).await.map_err(|_| Broken::Silent)?;
        let Some(chunk) = chunk.map_err(Broken::Off)? else { return Ok(body) };
        if body.len() + chunk.len() > most {
            return Err(Broken::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
}

/// How an answer did not come.
enum Broken {
    Off(reqwest::Error),
    Silent,
    TooLong,
}
