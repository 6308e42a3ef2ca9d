//! `wss://` against a server whose certificate is of an authority made for the test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::super::Roots;
use super::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> Roots {
        let mut store = RootCertStore::empty();
        store.add(self.0.der().clone()).unwrap();
        Roots::Only(Arc::new(store))
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key.into());
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

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
