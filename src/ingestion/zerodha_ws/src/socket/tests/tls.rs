//! `wss://` against a server whose certificate is of an authority made for the test.

use tokio_rustls::TlsAcceptor;

use super::super::Roots;
use super::*;
use crate::tls::tests::Authority;

/// A socket to a server with a certificate for `name`, trusted by `roots`; the server sends one heartbeat and waits.
async fn socket(acceptor: TlsAcceptor, roots: Roots) -> (Running, JoinHandle<()>) {
    let listener = Listener::bind().await;
    let authority = listener.authority().replace("127.0.0.1", "localhost");
    let running = Running::start(SocketPlan { roots, ..plan("wss", &authority) });
    let server = listener.serve(async move |stream| {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let mut peer = tokio_tungstenite::accept_async(stream).await.unwrap();
        peer.send(Message::binary(vec![0])).await.unwrap();
        while let Some(Ok(_)) = peer.next().await {}
    });
    (running, server)
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_opens() {
    let authority = Authority::new();
    let (mut socket, server) = socket(authority.acceptor("localhost"), authority.roots()).await;
    assert_eq!(socket.next().await, FromSocket::Opened);
    assert_eq!(socket.next().await, FromSocket::Binary(vec![0].into()));
    socket.say(ToSocket::Close).await;
    assert_eq!(socket.closed().await, "closed by this side");
    server.await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_for_another_name_does_not() {
    let authority = Authority::new();
    let cases = [
        (authority.acceptor("localhost"), Authority::new().roots()),
        (authority.acceptor("kite.example"), authority.roots()),
        (authority.acceptor("localhost"), Roots::Native),
    ];
    for (acceptor, roots) in cases {
        let (mut socket, server) = socket(acceptor, roots).await;
        let why = socket.closed().await;
        assert!(why.starts_with("it could not be opened: ") && why.contains("certificate"), "{why}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_server_without_tls_is_no_server() {
    let listener = Listener::bind().await;
    let roots = Authority::new().roots();
    let mut socket = Running::start(SocketPlan { roots, ..plan("wss", &listener.authority()) });
    let server = listener.serve(async |stream| drop(tokio_tungstenite::accept_async(stream).await));
    let why = socket.closed().await;
    assert!(why.starts_with("it could not be opened: the connection broke: "), "{why}");
    server.await.unwrap();
}
