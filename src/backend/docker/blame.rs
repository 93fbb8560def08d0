//! Whose fault it is that the engine did not do what was asked.
//!
//! Strangers write much of what an engine says: names of programs, users, images and files. So only those parts of it are
//! looked at that the engine itself writes, and where they stand.

use super::engine::{CANNOT_BE_FETCHED, Trouble};
use crate::run::{Blame, Cause, Failure};

/// What the engine ends a message with when its disk is full. Behind `: unknown` it is the word of the runtime.
const FULL: [&str; 4] = [
    ": no space left on device",
    ": no space left on device: unknown",
    ": disk quota exceeded",
    ": disk quota exceeded: unknown",
];
/// How messages begin that are about a registry, and what they then say of the network.
const OF_REGISTRY: [&str; 5] =
    ["Get \"", "Head \"", "error pulling image", "failed to resolve reference", "failed to copy: "];
const OF_NETWORK: [&str; 7] = [
    "dial tcp",
    "i/o timeout",
    "TLS handshake",
    "connection re",
    "unexpected EOF",
    "net/http: request canceled",
    "context deadline exceeded",
];

/// What went wrong in a call about what the operator asked for.
pub(super) fn of_call(trouble: &Trouble) -> Failure {
    let text = trouble.to_string();
    let Trouble::Said { status, message } = trouble else { return Failure::new(Cause::HostLost, text) };
    let message = message.split_once(CANNOT_BE_FETCHED).map_or(message.as_str(), |(_, rest)| rest);
    if message.starts_with("No such image") {
        let why = "the image is not on this host any more: retry the step that built it";
        Failure { blame: Blame::Host, ..Failure::new(Cause::Refused, why) }
    } else if is_full(message) || lacks_gpu(message) {
        Failure::new(Cause::HostLost, text)
    } else if is_of_network(message) {
        Failure::new(Cause::Network, text)
    } else if *status < 500
        || ["executable file not found", "no such file", "denied", "not found"].iter().any(|it| text.contains(it))
    {
        Failure { blame: Blame::Operator, ..Failure::new(Cause::Refused, text) }
    } else {
        Failure::new(Cause::HostLost, text)
    }
}

/// Why a container of an entrant's own image could not be made or started: by that image, unless the engine says that it
/// lacks something itself.
pub(super) fn of_their_image(trouble: &Trouble) -> Failure {
    let Trouble::Said { status, message } = trouble else { return of_call(trouble) };
    let ours = ["invalid mount config", "bind source path", "network ", "could not find an available"];
    let is_ours = is_full(message)
        || lacks_gpu(message)
        || ours.iter().any(|it| message.starts_with(it))
        || [": cannot allocate memory", ": resource temporarily unavailable"].iter().any(|it| message.contains(it));
    let is_gone = message.starts_with("No such image");
    let is_theirs = message.contains("OCI runtime create failed")
        || ["unable to find user ", "unable to find group "].iter().any(|it| message.starts_with(it));
    if !is_ours && !is_gone && (*status < 500 || is_theirs) {
        Failure::new(Cause::ExitCode, format!("the image cannot be started: {message}"))
    } else {
        of_call(trouble)
    }
}

/// What an evaluator's end lies in, by the last line that it wrote, where that is nothing of the model that it judges. Only
/// how the line begins is looked at: what stands behind may be a stranger's.
pub(super) fn of_evaluator(line: &str) -> Option<Cause> {
    let (error, words) = line.split_once(": ").unwrap_or((line, ""));
    let class = error.rsplit('.').next().unwrap_or_default();
    let begins = |words: &str, signs: &[&str]| signs.iter().any(|sign| words.starts_with(sign));
    let of_network = [
        "ConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "ChunkedEncodingError",
        "ProtocolError",
        "NameResolutionError",
        "MaxRetryError",
        "SSLError",
        "gaierror",
        "RemoteDisconnected",
        "ConnectError",
        "ConnectionResetError",
    ];
    if of_network.contains(&class) || (class == "HfHubHTTPError" && begins(words, &["5", "429"])) {
        Some(Cause::Network)
    } else if ["RuntimeError", "AcceleratorError"].contains(&class)
        && begins(
            words,
            &[
                "CUDA error: uncorrectable ECC",
                "CUDA error: no CUDA-capable device",
                "No CUDA GPUs",
                "CUDA unknown error",
                "Found no NVIDIA driver",
                "CUDA error: unspecified launch failure",
                "CUDA error: system",
            ],
        )
    {
        Some(Cause::HostLost)
    } else {
        None
    }
}

/// Why a build failed, by the engine's word on it and the last lines that the build said.
pub(super) fn of_build(why: &str, last: &[String]) -> Failure {
    let text = format!("the build failed: {why}{}{}", if last.is_empty() { "" } else { ": " }, last.join(" | "));
    let is_of_command = why.starts_with("The command '") && why.contains("' returned a non-zero code: ");
    // A Dockerfile can put a word of its own behind this one.
    let is_of_file = why.to_lowercase().starts_with("invalid signal") || why.starts_with("dockerfile parse error");
    if is_of_command || is_of_file {
        Failure::new(Cause::ExitCode, text)
    } else if is_full(why) {
        Failure::new(Cause::HostLost, text)
    } else if is_of_network(why) {
        Failure::new(Cause::Network, text)
    } else {
        Failure::new(Cause::ExitCode, text)
    }
}

fn is_full(message: &str) -> bool {
    FULL.iter().any(|end| message.ends_with(end))
}

fn is_of_network(message: &str) -> bool {
    // Addresses stand in quotes, and what is wrong with them behind these.
    let behind = message.rsplit('"').next().unwrap_or_default();
    OF_REGISTRY.iter().any(|it| message.starts_with(it)) && OF_NETWORK.iter().any(|it| behind.contains(it))
}

/// Whether the engine cannot give the GPUs that it was asked for. Its own words come before any name that is not its own.
fn lacks_gpu(message: &str) -> bool {
    if message.starts_with("could not select device driver") {
        return true;
    }
    let own = message.split(['"', '\'']).next().unwrap_or_default();
    let own = own.split("unable to find user").next().unwrap_or_default();
    ["error running hook", "error running prestart hook", "CDI device"].iter().any(|it| own.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, message: &str) -> Trouble {
        Trouble::Said { status, message: message.into() }
    }

    #[test]
    fn a_build_is_judged_by_the_engines_words_alone() {
        for (why, cause) in [
            ("The command '/bin/sh -c false \"dial tcp\"' returned a non-zero code: 1", Cause::ExitCode),
            ("The command '/bin/sh -c : no space left on device' returned a non-zero code: 1", Cause::ExitCode),
            ("Invalid signal: no space left on device", Cause::ExitCode),
            ("COPY failed: stat dial tcp: file does not exist", Cause::ExitCode),
            ("pull access denied for dial tcp, repository does not exist", Cause::ExitCode),
            ("Error processing tar file(exit status 1): write /x: no space left on device", Cause::HostLost),
            ("Get \"https://registry-1.docker.io/v2/\": dial tcp 1.2.3.4:443: i/o timeout", Cause::Network),
            ("Get \"https://dial tcp/v2/\": no such host", Cause::ExitCode),
        ] {
            assert_eq!(of_build(why, &[]).cause, cause, "{why}");
        }
        assert_eq!(of_build("no", &["a".into(), "b".into()]).message, "the build failed: no: a | b");
    }

    #[test]
    fn an_image_that_cannot_be_started_is_its_authors_unless_the_host_lacks_something() {
        let runtime = "failed to create shim: OCI runtime create failed: container_linux.go:380: starting container process caused: ";
        for (status, message, cause, blame) in [
            (400, "No command specified".to_owned(), Cause::ExitCode, Blame::Entrant),
            (
                400,
                format!("{runtime}exec: \"/no space left\": stat /no space left: no such file or directory: unknown"),
                Cause::ExitCode,
                Blame::Entrant,
            ),
            (
                400,
                format!("{runtime}exec: \"error running hook\": not found: unknown"),
                Cause::ExitCode,
                Blame::Entrant,
            ),
            (
                500,
                format!("{runtime}process_linux.go:545: container init caused: rootfs: not a directory: unknown"),
                Cause::ExitCode,
                Blame::Entrant,
            ),
            (
                500,
                "unable to find user error running hook: no matching entries in passwd file".into(),
                Cause::ExitCode,
                Blame::Entrant,
            ),
            (
                500,
                "could not select device driver \"\" with capabilities: [[gpu]]".into(),
                Cause::HostLost,
                Blame::Host,
            ),
            (
                500,
                format!("{runtime}error running hook #0: error running hook: exit status 1"),
                Cause::HostLost,
                Blame::Host,
            ),
            (500, format!("{runtime}mkdir /x: no space left on device: unknown"), Cause::HostLost, Blame::Host),
            (500, "error creating overlay mount to /x: no space left on device".into(), Cause::HostLost, Blame::Host),
            (404, "No such image: sha256:00".into(), Cause::Refused, Blame::Host),
            (500, "something else".into(), Cause::HostLost, Blame::Host),
        ] {
            let found = of_their_image(&said(status, &message));
            assert_eq!((found.cause, found.blame), (cause, blame), "{message}");
        }
    }

    #[test]
    fn an_evaluator_may_fail_by_the_network_or_the_host() {
        for (line, cause) in [
            ("requests.exceptions.ConnectionError: (MaxRetryError(...))", Some(Cause::Network)),
            ("socket.gaierror: [Errno -3] Temporary failure in name resolution", Some(Cause::Network)),
            ("huggingface_hub.errors.HfHubHTTPError: 503 Server Error: Service Unavailable", Some(Cause::Network)),
            ("huggingface_hub.errors.HfHubHTTPError: 404 Client Error", None),
            ("RuntimeError: CUDA error: uncorrectable ECC error encountered", Some(Cause::HostLost)),
            ("RuntimeError: CUDA error: device-side assert triggered", None),
            ("ValueError: ConnectionError: 503", None),
            ("", None),
        ] {
            assert_eq!(of_evaluator(line), cause, "{line}");
        }
    }

    #[test]
    fn what_the_operator_asked_for_is_the_operators_unless_the_host_or_the_network_fails() {
        for (trouble, cause, blame) in [
            (said(400, "executable file not found in $PATH"), Cause::Refused, Blame::Operator),
            (said(404, "pull access denied for dial tcp"), Cause::Refused, Blame::Operator),
            (said(500, "Get \"https://r.io/v2/\": dial tcp: lookup r.io: i/o timeout"), Cause::Network, Blame::Host),
            (
                said(
                    500,
                    "the image `a` is not on this host and cannot be fetched: Get \"https://r.io/v2/\": dial tcp: i/o timeout",
                ),
                Cause::Network,
                Blame::Host,
            ),
            (said(500, "write /x: no space left on device"), Cause::HostLost, Blame::Host),
            (Trouble::Away("gone".into()), Cause::HostLost, Blame::Host),
        ] {
            let found = of_call(&trouble);
            assert_eq!((found.cause, found.blame), (cause, blame), "{trouble}");
        }
    }
}
