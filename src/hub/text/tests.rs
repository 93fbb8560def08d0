//! Against a server of this process that says what it is told to say.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use super::*;

/// A server that gives each who asks the next answer, and after a while.
fn server(answers: Vec<(Duration, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/secret", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (wait, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = [0; 4_096];
            let _ = stream.read(&mut heard).unwrap();
            thread::sleep(wait);
            // Whoever has heard enough hangs up.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

const LIMITS: Limits = Limits { time: Duration::from_millis(400), bytes: 20 };

#[tokio::test]
async fn what_is_there_is_given_and_what_is_not_is_told() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
    for (what, said, expected) in [
        ("good", answer("200 OK", "", "{}"), Ok("{}")),
        ("not found", answer("404 Not Found", "", "nothing here"), Err("the server answered 404 Not Found")),
        ("broken", answer("503 Service Unavailable", "", ""), Err("the server answered 503 Service Unavailable")),
        ("large", answer("200 OK", "", &"x".repeat(21)), Err("it has more than 20 bytes")),
        ("large and of no told length", chunked.into(), Err("it has more than 20 bytes")),
        ("a page", answer("200 OK", "content-type: text/html; charset=utf-8\r\n", "<p>"), Err("a page for browsers")),
        (
            "cut short",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".into(),
            Err("end of file before message length"),
        ),
        ("no http", "hello\r\n\r\n".into(), Err("invalid HTTP version parsed")),
    ] {
        let found = get(&server(vec![(Duration::ZERO, said)]), &LIMITS).await;
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{what}"),
            (Err(found), Err(expected)) => {
                assert!(found.contains(expected) && !found.contains("secret"), "{what}: {found}");
            }
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let late = server(vec![(Duration::from_secs(2), answer("200 OK", "", "{}"))]);
    assert_eq!(get(&late, &LIMITS).await.unwrap_err(), "it took longer than 0.4s");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let why = get(&format!("http://{nobody}/secret"), &LIMITS).await.unwrap_err();
    assert!(why.starts_with("cannot connect: ") && !why.contains("secret"), "{why}");
}

#[tokio::test]
async fn a_moved_text_is_followed_and_a_message_is_not() {
    let moved = |to: &str| answer("302 Found", &format!("location: {to}\r\n"), "");
    let there = server(vec![(Duration::ZERO, answer("200 OK", "", "there"))]);
    let here = server(vec![(Duration::ZERO, moved(&there))]);
    assert_eq!(get(&here, &LIMITS).await.unwrap(), "there");
    let circle = server(vec![(Duration::ZERO, moved("/secret")); 9]);
    let why = get(&circle, &LIMITS).await.unwrap_err();
    assert!(why.contains("sent on more than 5 times"), "{why}");
    let elsewhere = server(vec![(Duration::ZERO, moved("http://127.0.0.1:1/"))]);
    let why = post(&elsewhere, "{}".into(), LIMITS.time).await.unwrap_err();
    assert_eq!(why, "the server answered 302 Found");
}
