//! Open sockets whose other side does wrong.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::*;
use crate::socket::dial::{Dialled, dial};

/// What comes when these bytes follow the upgrade and then the connection ends, if it does.
async fn after(bytes: Vec<u8>, ends: bool) -> (Vec<FromSocket>, String) {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async move |stream| {
        let mut stream: TcpStream = upgraded(stream).await.into_inner();
        // The socket may have given up before everything went out.
        let _ = stream.write_all(&bytes).await;
        if !ends {
            core::future::pending::<()>().await;
        }
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    let mut events = Vec::new();
    loop {
        match socket.next().await {
            FromSocket::Closed(why) => {
                socket.ends().await;
                server.abort();
                return (events, why);
            }
            event @ (FromSocket::Opened | FromSocket::Refused { .. } | FromSocket::Binary(_) | FromSocket::Text(_)) => {
                events.push(event);
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_is_cut_is_not_told_and_those_before_it_are() {
    let (events, why) = after(vec![0x82, 2, 1, 2, 0x82, 9, 1, 2, 3], true).await;
    assert_eq!(events, [FromSocket::Binary(vec![1, 2].into())]);
    assert_eq!(why, "the other side hung up without a closing frame");
}

#[tokio::test]
async fn an_end_without_a_closing_frame_is_told() {
    let (events, why) = after(vec![0x82, 1, 0], true).await;
    assert_eq!((events.len(), why.contains("without a closing frame")), (1, true), "{why}");
}

/// The length alone is enough: the sender keeps the connection open and sends none of it.
#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_socket_before_it_is_held() {
    let terabyte = [&[0x82, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
    let (events, why) = after(terabyte, false).await;
    assert_eq!(events, []);
    assert_eq!(why, "a message is too long: Message too long: 1099511627776 > 1048576");
    let all = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
    let (_, why) = after(all, false).await;
    assert!(why.starts_with("a message is too long") || why.contains("broke the protocol"), "{why}");
}

#[tokio::test]
async fn a_message_in_pieces_counts_as_a_whole() {
    let piece = |opcode: u8| [&[opcode, 126][..], &60_000_u16.to_be_bytes(), &[0; 60_000]].concat();
    let (events, why) = after([piece(0x02), piece(0x00).repeat(30)].concat(), false).await;
    assert_eq!(events, []);
    assert!(why.starts_with("a message is too long"), "{why}");
    let (events, _) = after([piece(0x02), piece(0x80)].concat(), true).await;
    assert_eq!(events, [FromSocket::Binary(vec![0; 120_000].into())]);
}

#[tokio::test]
async fn garbage_is_a_broken_protocol() {
    for garbage in [&[0xff; 64][..], &[0x83, 0], &[0x82, 0x81, 1, 2, 3, 4, 5], &[0x80, 1, 0], &[0x89, 126, 0, 200]] {
        let (events, why) = after([garbage, &[0; 300]].concat(), false).await;
        assert_eq!(events, []);
        assert!(why.starts_with("the other side broke the protocol"), "{garbage:?}: {why}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_text_ends_the_socket() {
    let (events, why) = after(vec![0x81, 2, 0xff, 0xfe], false).await;
    assert_eq!((events, why.as_str()), (vec![], "a text is not UTF-8"));
}

#[tokio::test]
async fn a_side_that_takes_nothing_is_given_up_while_its_messages_still_come() {
    let listener = Listener::bind().await;
    let patient = plan("ws", &listener.authority());
    let mut socket = Running::start(SocketPlan { send_timeout: Duration::from_millis(300), ..patient });
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        peer.send(Message::binary(vec![0])).await.unwrap();
        core::future::pending::<()>().await;
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    let inbox = socket.inbox.clone();
    let talker = tokio::spawn(async move { while inbox.send(text(&"x".repeat(1 << 19))).await.is_ok() {} });
    assert_eq!(socket.next().await, FromSocket::Binary(vec![0].into()));
    assert_eq!(socket.closed().await, "the other side took no message for 300 ms");
    talker.await.unwrap();
    server.abort();
}

/// It is owed far more than may wait for it.
#[tokio::test]
async fn a_side_that_pings_and_reads_nothing_is_given_up_and_little_waits_for_it() {
    let listener = Listener::bind().await;
    let patient = plan("ws", &listener.authority());
    let mut socket = Running::start(SocketPlan { send_timeout: Duration::from_millis(700), ..patient });
    let server = listener.serve(async |stream| {
        let mut stream: TcpStream = upgraded(stream).await.into_inner();
        let pings = [&[0x89, 125][..], &[7; 125]].concat().repeat(1_000);
        while stream.write_all(&pings).await.is_ok() {}
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    assert_eq!(socket.closed().await, "the other side took no answer to its pings for 700 ms");
    server.abort();
}

#[tokio::test]
async fn what_waits_to_be_sent_has_a_limit_and_a_message_beyond_it_ends_the_socket() {
    let listener = Listener::bind().await;
    let plan = plan("ws", &listener.authority());
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        while let Some(Ok(_)) = peer.next().await {}
    });
    let Dialled::Open(stream) = dial(&plan).await else { panic!("no socket") };
    assert_eq!(stream.get_config().max_write_buffer_size, 1 << 20);
    drop(stream);
    server.abort();

    let listener = Listener::bind().await;
    let mut socket = Running::start(super::plan("ws", &listener.authority()));
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        while let Some(Ok(_)) = peer.next().await {}
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    socket.say(text(&"x".repeat(1 << 20))).await;
    assert_eq!(
        socket.closed().await,
        "the other side takes too little: more than 1024 KiB would wait to be sent to it"
    );
    server.abort();
}
