//! Answers to the upgrade that are no open socket, and no answers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::{FromSocket, ToSocket};
use super::*;

/// Reads the request up to its blank line.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.expect("a request"));
    }
    String::from_utf8(bytes).expect("a request is ASCII")
}

/// What comes when the upgrade is answered with these bytes and then the connection ends.
async fn answered(answer: Vec<u8>) -> FromSocket {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async move |mut stream| {
        request(&mut stream).await;
        // The socket may have given up before everything went out.
        let _ = stream.write_all(&answer).await;
    });
    let event = socket.next().await;
    socket.ends().await;
    server.await.unwrap();
    event
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_refused_upgrade_has_its_status_and_what_was_said() {
    for (line, status) in [("403 Forbidden", 403), ("429 Too Many Requests", 429), ("400 Bad Request", 400)] {
        let refused = answered(answer(line, "{\"status\":\"error\"}")).await;
        assert_eq!(refused, FromSocket::Refused { status, body: "{\"status\":\"error\"}".to_owned() });
    }
}

#[tokio::test]
async fn a_refusal_without_words_and_a_redirection_are_refusals() {
    let empty = String::new();
    assert_eq!(answered(answer("503 X", "")).await, FromSocket::Refused { status: 503, body: empty.clone() });
    let moved = b"HTTP/1.1 301 Moved\r\nlocation: ws://127.0.0.1:1/\r\n\r\n".to_vec();
    assert_eq!(answered(moved).await, FromSocket::Refused { status: 301, body: empty.clone() });
    assert_eq!(answered(answer("200 OK", "")).await, FromSocket::Refused { status: 200, body: empty });
}

#[tokio::test]
async fn a_refusal_that_repeats_the_token_is_told_without_it_and_is_not_long() {
    let said = format!("{TOKEN}\r\n{TOKEN_WRITTEN}{}", "é".repeat(2_000));
    let FromSocket::Refused { status: 403, body } = answered(answer("403 Forbidden", &said)).await else { panic!() };
    assert!(body.starts_with("***  ***éé") && body.chars().count() == 300, "{body}");
}

#[tokio::test]
async fn the_request_says_who_asks_and_holds_the_query_as_it_was_written() {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async |mut stream| {
        let request = request(&mut stream).await;
        let lower = request.to_ascii_lowercase();
        assert!(request.starts_with(&format!("GET /?api_key=k1234567&access_token={TOKEN_WRITTEN} HTTP/1.1\r\n")));
        assert!(lower.contains(concat!("\r\nuser-agent: barkeep/", env!("CARGO_PKG_VERSION"), "\r\n")), "{request}");
        assert!(lower.contains("\r\nx-kite-version: 3\r\n"), "{request}");
    });
    socket.closed().await;
    server.await.unwrap();
}

#[tokio::test]
async fn an_upgrade_without_an_answer_ends_in_time() {
    let listener = Listener::bind().await;
    let patient = plan("ws", &listener.authority());
    let mut socket = Running::start(SocketPlan { dial_timeout: Duration::from_millis(150), ..patient });
    let server = listener.serve(async |mut stream| {
        request(&mut stream).await;
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "nothing but the end comes");
    });
    assert_eq!(socket.closed().await, "it was not open after 150 ms");
    server.await.unwrap();
}

#[tokio::test]
async fn an_upgrade_is_given_up_when_that_is_said() {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let (asked, waits) = tokio::sync::oneshot::channel();
    let server = listener.serve(async move |mut stream| {
        request(&mut stream).await;
        asked.send(()).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "nothing but the end comes");
    });
    waits.await.unwrap();
    socket.say(text("too early")).await;
    socket.say(ToSocket::Close).await;
    assert_eq!(socket.closed().await, "it was given up before it was open");
    server.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_no_http_or_no_upgrade_or_too_long_is_an_end() {
    let key =
        "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n";
    let endless: String = (0..200_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    let cases = [
        b"\0\x01garbage\xff\r\n\r\n".to_vec(),
        key.as_bytes().to_vec(),
        b"HTTP/1.1 101 Switching\r\n\r\n".to_vec(),
        b"HTTP/1.1 101".to_vec(),
        Vec::new(),
        format!("HTTP/1.1 101 Switching\r\n{endless}").into_bytes(),
    ];
    for case in cases {
        let shown = String::from_utf8_lossy(&case[..case.len().min(60)]).into_owned();
        let FromSocket::Closed(why) = answered(case).await else { panic!("{shown}") };
        assert!(why.starts_with("it could not be opened: "), "{shown}: {why}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_that() {
    let authority = Listener::bind().await.authority();
    let why = Running::start(plan("ws", &authority)).closed().await;
    assert!(why.starts_with("it could not be opened: the connection broke: Connection refused"), "{why}");
}

#[tokio::test]
async fn a_url_that_is_none_is_told_without_it() {
    for (scheme, authority) in [("http", "127.0.0.1:1"), ("ws", ""), ("ws", "bad host"), ("", ""), ("ws", "x:99999")] {
        let why = Running::start(plan(scheme, authority)).closed().await;
        assert!(why.starts_with("it could not be opened: "), "{why}");
    }
}

#[test]
fn the_plan_is_shown_without_the_url() {
    let shown = format!("{:?}", plan("ws", "127.0.0.1:1"));
    assert!(!shown.contains(TOKEN_WRITTEN) && !shown.contains("k1234567"), "{shown}");
}
