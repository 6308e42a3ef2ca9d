//! One websocket: carries messages between a client and the driver.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::sync::{mpsc, oneshot};

use super::driver::{Command, Connected, ToSocket};
use crate::world::ConnectionId;

/// How long the closing frame may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Carries messages until the client leaves or the driver cuts the socket, which then goes without a closing frame.
pub(super) async fn carry(mut socket: WebSocket, connected: Connected, commands: mpsc::Sender<Command>) {
    let Connected { id, mut messages, too_slow, waiting } = connected;
    let closed = tokio::select! {
        // Dropped untold, it says nothing: what waits for the socket is sent first.
        Ok(()) = too_slow => false,
        closed = converse(&mut socket, id, &mut messages, &waiting, &commands) => closed,
    };
    // The driver that is gone has forgotten every socket.
    let _ = commands.send(Command::Gone(id)).await;
    if closed {
        // Reading on sends the closing frame that answers the client's, now that the driver knows.
        let farewell = async { while let Some(Ok(_)) = socket.recv().await {} };
        // A client that takes nothing more does without.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

/// Whether it was the client who closed it.
async fn converse(
    socket: &mut WebSocket,
    id: ConnectionId,
    messages: &mut mpsc::Receiver<ToSocket>,
    waiting: &AtomicUsize,
    commands: &mpsc::Sender<Command>,
) -> bool {
    let mut mute = false;
    loop {
        tokio::select! {
            message = messages.recv() => {
                let bytes = message.as_ref().map_or(0, ToSocket::len);
                let sent = match message {
                    Some(ToSocket::Binary(bytes)) => socket.send(Message::Binary(bytes.into())).await,
                    Some(ToSocket::Text(text)) => socket.send(Message::Text(text.into())).await,
                    Some(ToSocket::Mute(on)) => {
                        mute = on;
                        Ok(())
                    }
                    Some(ToSocket::Cut) | None => return false,
                };
                waiting.fetch_sub(bytes, Ordering::Relaxed);
                if sent.is_err() {
                    return false;
                }
            }
            // Pings are answered where the socket is read: a mute one is not read.
            message = socket.recv(), if !mute => match message {
                Some(Ok(Message::Text(text))) => {
                    let (done, handled) = oneshot::channel();
                    if commands.send(Command::Text(id, text.as_str().to_owned(), done)).await.is_err() {
                        return false;
                    }
                    // The driver drops it unanswered only when it ends.
                    let _ = handled.await;
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) => return true,
                Some(Err(_)) | None => return false,
            },
        }
    }
}
