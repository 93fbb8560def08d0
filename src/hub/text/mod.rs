//! A text that is fetched whole and in one go, and a message that is told.
//!
//! The shell calls it: for an input that an address says, and for a web-hook. An address may be a secret, so no error says it;
//! whoever asked knows it and adds it where it may be seen.

use std::time::Duration;

use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};

/// How far an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first word to the last.
    pub time: Duration,
    /// How large it may be.
    pub bytes: usize,
}

/// Addresses that an answer may send on to.
const REDIRECTS_MAX: usize = 5;

/// The text at an address.
pub async fn get(address: &str, limits: &Limits) -> Result<String, String> {
    let answer = client(limits.time, Policy::limited(REDIRECTS_MAX))?.get(address).send().await;
    let mut answer = expect_good(answer.map_err(|error| told(error, limits.time))?)?;
    let is_page = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/html");
    if answer.headers().get(CONTENT_TYPE).is_some_and(is_page) {
        return Err(
            "it is a page for browsers, and JSON or YAML was expected; the raw file has an address of its own".into()
        );
    }
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| told(error, limits.time))? {
        bytes.extend_from_slice(&part);
        if bytes.len() > limits.bytes {
            return Err(format!("it has more than {} bytes", limits.bytes));
        }
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 text: byte {} is wrong", error.utf8_error().valid_up_to()))
}

/// Sends JSON to an address. What it answers with is not read, and it sends nobody elsewhere with it.
pub async fn post(address: &str, json: String, time: Duration) -> Result<(), String> {
    let sent = client(time, Policy::none())?.post(address).header(CONTENT_TYPE, "application/json").body(json).send();
    expect_good(sent.await.map_err(|error| told(error, time))?).map(drop)
}

fn client(time: Duration, redirects: Policy) -> Result<Client, String> {
    let name = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let client = Client::builder().user_agent(name).timeout(time).redirect(redirects).build();
    client.map_err(|error| format!("connections cannot be made here: {}", told(error, time)))
}

fn expect_good(answer: Response) -> Result<Response, String> {
    let status = answer.status();
    if status.is_success() { Ok(answer) } else { Err(format!("the server answered {status}")) }
}

/// The innermost reason, which says the most, without the address.
fn told(error: reqwest::Error, time: Duration) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return format!("it took longer than {}s", time.as_secs_f64());
    }
    if error.is_redirect() {
        return format!("it was sent on more than {REDIRECTS_MAX} times, or in a circle");
    }
    let mut reason: &dyn std::error::Error = &error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    let at = if error.is_connect() { "cannot connect: " } else { "" };
    format!("{at}{reason}")
}

#[cfg(test)]
mod tests;
