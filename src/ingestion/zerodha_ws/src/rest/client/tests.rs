//! The client against servers that say what a test wants: over TLS, with redirects, bombs and words that give away.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::tls::tests::Authority;

const SECRET: &str = "S3CRETS3CRET";

fn token() -> AccessToken {
    AccessToken { api_key: "kitekey".into(), access_token: SECRET.into(), user_id: None, login: Ts::ZERO }
}

/// A server of one answer to each connection, and the heads that it got.
async fn server(authority: &Authority, name: &str, answer: Vec<u8>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = authority.acceptor(name);
    let serving = tokio::spawn(async move {
        let mut heads = Vec::new();
        while let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::from_millis(1_500), listener.accept()).await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
            heads.push(String::from_utf8(head).unwrap().to_ascii_lowercase());
            stream.write_all(&answer).await.unwrap();
            let _ = stream.shutdown().await;
        }
        heads
    });
    (root, serving)
}

async fn account(root: String, roots: Roots) -> Account {
    let plan = ClientPlan { roots, attempts: 2, timeout: Duration::from_secs(5), ..ClientPlan::new(root) };
    Client::new(plan).await.unwrap().account(&token()).unwrap()
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[tokio::test]
async fn a_request_over_tls_says_which_version_and_who_asks() {
    let authority = Authority::new();
    let body = br#"{"status":"success","data":{"user_id":"AB1234"}}"#;
    let (root, serving) = server(&authority, "localhost", answer("200 OK", body)).await;
    let account = account(root, authority.roots()).await;
    assert_eq!(account.profile().await.unwrap().user_id, "AB1234");
    let heads = serving.await.unwrap();
    let head = &heads[0];
    assert!(head.starts_with("get /user/profile http/1.1\r\n"), "{head}");
    for line in ["x-kite-version: 3", "authorization: token kitekey:s3crets3cret", "accept-encoding: gzip"] {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
    assert!(head.contains("user-agent: barkeep/"), "{head}");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_and_nothing_is_sent() {
    let authority = Authority::new();
    for (name, roots) in [("localhost", Authority::new().roots()), ("kite.example", authority.roots())] {
        let (root, serving) = server(&authority, name, answer("200 OK", b"{}")).await;
        let error = account(root, roots).await.profile().await.unwrap_err().to_string();
        assert!(error.starts_with("GET /user/profile: no answer after 2 attempts: "), "{error}");
        assert!(error.contains("certificate"), "{error}");
        assert!(serving.await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_word_gives_the_token_away() {
    let authority = Authority::new();
    let head = "302 Found\r\nlocation: https://localhost/elsewhere?access_token=S3CRETS3CRET";
    let (root, serving) = server(&authority, "localhost", answer(head, b"")).await;
    let error = account(root, authority.roots()).await.profile().await.unwrap_err();
    assert_eq!(error.api().map(|error| error.status), Some(302));
    assert_eq!(serving.await.unwrap().len(), 1);
    let body = format!(r#"{{"status":"error","message":"token {SECRET} is bad","error_type":"TokenException"}}"#);
    let (root, _serving) = server(&authority, "localhost", answer("403 Forbidden", body.as_bytes())).await;
    let error = account(root, authority.roots()).await.orders().await.unwrap_err();
    assert!(error.is_token_refused());
    let told = format!("{error} {error:?}");
    assert!(told.contains("token *** is bad") && !told.contains(SECRET), "{told}");
}

#[tokio::test]
async fn a_packed_answer_is_unpacked_and_counted_as_it_is_then() {
    let authority = Authority::new();
    let packed = |body: &[u8]| answer("200 OK\r\ncontent-encoding: gzip", &barkeep_sim::kite::instruments::gzip(body));
    let body = br#"{"status":"success","data":{"candles":[["2017-12-15T09:15:00+0530",1,2,1,1.5,7]]}}"#;
    let (root, _serving) = server(&authority, "localhost", packed(body)).await;
    let account_of_packed = account(root, authority.roots()).await;
    let history = account_of_packed.historical(1, Interval::Minute, Ts::ZERO, Ts::ZERO, false).await.unwrap();
    assert_eq!((history.candles.len(), history.bytes), (1, body.len() as u64));
    assert_eq!(history.hash, Hash32(*blake3::hash(body).as_bytes()));
    let bomb = packed(&vec![b' '; 40 << 20]);
    assert!(bomb.len() < 1 << 20);
    let (root, _serving) = server(&authority, "localhost", bomb).await;
    let error = account(root, authority.roots()).await.trades().await.unwrap_err();
    assert_eq!(error, RestError::TooLong { request: "GET /trades".to_owned(), bytes_max: 32 << 20 });
}

#[tokio::test]
async fn a_list_is_asked_for_without_a_token_that_is_not_taken() {
    let authority = Authority::new();
    let body = br#"{"status":"error","message":"no","error_type":"TokenException"}"#;
    let (root, serving) = server(&authority, "localhost", answer("403 Forbidden", body)).await;
    let client = Client::new(ClientPlan { roots: authority.roots(), ..ClientPlan::new(root) }).await.unwrap();
    assert!(client.instruments(None, Some(&token())).await.unwrap_err().is_token_refused());
    let heads = serving.await.unwrap();
    let signed: Vec<bool> = heads.iter().map(|head| head.contains("authorization:")).collect();
    assert_eq!(signed, [true, false]);
}
