//! Lines of bounded length off a socket.
//!
//! What it never does: lose a byte when waiting for a line is given up, or hold more than the longest line and a read.
//! Called by the daemon's side of the door.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Room for each read, in bytes.
const READ: usize = 64 * 1024;

/// What came instead of a line.
#[derive(Debug)]
pub(super) enum NoLine {
    /// The other side has closed, in the middle of a line or after one, or the socket failed.
    End,
    /// A line is longer than allowed.
    TooLong,
}

/// A socket's lines.
pub(super) struct Lines<R> {
    from: R,
    held: Vec<u8>,
    /// How much of it has no newline.
    looked_at: usize,
    longest: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `longest` bytes, their newline included.
    pub(super) const fn new(from: R, longest: usize) -> Self {
        Self { from, held: Vec::new(), looked_at: 0, longest }
    }

    /// The next line, without its newline. May be given up at any time and asked for again.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, NoLine> {
        loop {
            let fresh = self.held.get(self.looked_at..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let end = self.looked_at + at;
                if end >= self.longest {
                    return Err(NoLine::TooLong);
                }
                let rest = self.held.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.truncate(end);
                self.looked_at = 0;
                return Ok(line);
            }
            self.looked_at = self.held.len();
            if self.held.len() >= self.longest {
                return Err(NoLine::TooLong);
            }
            self.held.reserve(READ);
            match self.from.read_buf(&mut self.held).await {
                Ok(0) | Err(_) => return Err(NoLine::End),
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_as_they_were_sent_and_none_is_longer_than_allowed() {
        let mut lines = Lines::new(&b"one\n\nthree\n1234567\n12345678\nafter\n"[..], 8);
        for expected in ["one", "", "three", "1234567"] {
            assert_eq!(lines.next().await.unwrap(), expected.as_bytes());
        }
        assert!(matches!(lines.next().await, Err(NoLine::TooLong)));
        let mut endless = Lines::new(&b"123456789012"[..], 8);
        assert!(matches!(endless.next().await, Err(NoLine::TooLong)));
        let mut cut = Lines::new(&b"1\n234"[..], 8);
        assert_eq!(cut.next().await.unwrap(), b"1");
        assert!(matches!(cut.next().await, Err(NoLine::End)));
    }
}
