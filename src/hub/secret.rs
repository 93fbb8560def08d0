//! A token, which is never printed and goes to one host only.

use std::fmt;

use reqwest::{RequestBuilder, Url};

/// A token of the hub. It has no way out but the header of a request to the endpoint.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Nothing when the text is empty or cannot stand in a header, as a file's line with a stray sign in it.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The request with the token, if it goes to the endpoint itself: same scheme, host and port.
    pub(super) fn shown_to(&self, endpoint: &Url, url: &Url, request: RequestBuilder) -> RequestBuilder {
        if endpoint.origin() == url.origin() { request.bearer_auth(&self.0) } else { request }
    }

    /// A text of the other side, which may repeat what it was sent.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_printed() {
        let secret = Secret::new(" hf_abc\n").unwrap();
        assert_eq!(format!("{secret} {secret:?}"), "*** Secret(***)");
        assert_eq!(secret.hidden_in("no hf_abc here"), "no *** here");
        assert!(Secret::new("a b").is_none() && Secret::new("").is_none() && Secret::new("ä").is_none());
    }

    #[test]
    fn it_goes_to_the_endpoint_only() {
        let secret = Secret::new("hf_abc").unwrap();
        let endpoint = Url::parse("https://hub.example.org/base").unwrap();
        for (url, sent) in [
            ("https://hub.example.org/x", true),
            ("https://hub.example.org:8443/x", false),
            ("http://hub.example.org/x", false),
            ("https://cdn.example.org/x", false),
            ("https://hub.example.org.evil.net/x", false),
        ] {
            let url = Url::parse(url).unwrap();
            let request = reqwest::Client::new().get(url.clone());
            let request = secret.shown_to(&endpoint, &url, request).build().unwrap();
            assert_eq!(request.headers().contains_key("authorization"), sent, "{url}");
        }
    }
}
