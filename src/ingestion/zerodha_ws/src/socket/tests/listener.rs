//! A listener on loopback that takes one connection.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;

pub(super) struct Listener(TcpListener);

impl Listener {
    pub(super) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    pub(super) fn authority(&self) -> String {
        self.0.local_addr().expect("an address").to_string()
    }

    /// Takes one connection and does with it what is said.
    pub(super) fn serve<F>(self, then: impl FnOnce(TcpStream) -> F + Send + 'static) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            let (stream, _) = self.0.accept().await.expect("a connection");
            then(stream).await;
        })
    }
}

/// The server's end of a websocket.
pub(super) async fn upgraded(stream: TcpStream) -> WebSocketStream<TcpStream> {
    tokio_tungstenite::accept_async(stream).await.expect("an upgrade")
}
