//! Whether a hub answers, whom it takes us for, and what time it is there: for people who look what is wrong.

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header;
use serde::Deserialize;

use super::{Hub, ask::parsed, trouble::Trouble};

/// What a hub said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Whose token it is; nothing where none was shown.
    pub name: Option<String>,
    /// Its clock.
    pub at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Who {
    name: String,
}

impl Hub {
    /// Asks once, and waits for nothing but the answer.
    pub async fn greet(&self) -> Result<Greeting, Trouble> {
        let (what, mut url) = match self.token {
            Some(_) => ("whose token it is", self.at(&["api", "whoami-v2"])),
            None => ("an answer", self.at(&["api", "models"])),
        };
        if self.token.is_none() {
            url.set_query(Some("limit=1"));
        }
        let asked = async {
            let response = self.send(&self.client, what, &url, &|client, url| client.get(url)).await?;
            let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
            let at = date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
            let body = self.read(what, &url, response).await?;
            let who = self.token.is_some().then(|| parsed::<Who>(what, &url, &body)).transpose()?;
            Ok(Greeting { name: who.map(|who| who.name), at })
        };
        asked.await.map_err(|fault: super::ask::Fault| fault.trouble)
    }
}
