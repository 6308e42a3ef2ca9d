//! The socket's place in the data directory: reached whatever the length of its path, made for one user, taken away.
//!
//! What it never does: remove what is no socket, or a socket that another process has put there since. Called by both
//! sides of the door.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// The longest path that the system takes as the address of a socket, less its end mark, in bytes.
const ADDRESS_BYTES_MAX: usize = 107;

/// An address that the system takes, and what must stay open for it.
struct Reach {
    path: PathBuf,
    _folder: Option<OwnedFd>,
}

/// The address of a socket: its path, or where that is too long one through its opened folder.
fn reach(socket: &Path) -> io::Result<Reach> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket has no folder"));
    };
    if socket.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return Ok(Reach { path: socket.to_owned(), _folder: None });
    }
    let folder = openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok(Reach { path, _folder: Some(folder) })
}

/// Connects within `patience`, and lets no write take longer than `patience`.
pub(super) fn dial(socket: &Path, patience: Duration) -> io::Result<UnixStream> {
    let reach = reach(socket)?;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Where a daemon that hangs has a full queue, connecting would wait for ever.
    set_socket_timeout(&fd, Timeout::Send, Some(patience))?;
    connect(&fd, &SocketAddrUnix::new(&*reach.path)?)?;
    Ok(UnixStream::from(fd))
}

/// A socket that listens. Dropping it takes it away.
pub(super) struct Bound {
    socket: PathBuf,
    /// What is taken away is what was put there.
    identity: Identity,
}

/// Device, inode and the moment of its last change, since inodes are used again.
type Identity = (u64, u64, i64, i64);

fn identity(found: &fs::Metadata) -> Identity {
    (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())
}

impl Bound {
    /// Listens, for this user alone. A socket that a dead daemon left is removed first: the caller holds the lock.
    pub(super) fn bind(socket: &Path) -> io::Result<(UnixListener, Self)> {
        match fs::symlink_metadata(socket) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(socket)?,
            Ok(_) => {
                let what = "something else lies there: move it away, barkeep did not make it";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(reach(socket)?.path)?;
        // Who connected before the mode was set is asked who it is, as everybody is.
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
        let found = fs::symlink_metadata(socket)?;
        Ok((listener, Self { socket: socket.to_owned(), identity: identity(&found) }))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.socket).is_ok_and(|found| identity(&found) == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.socket) {
            tracing::warn!(socket = %self.socket.display(), %error, "the socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_for_its_user_alone_reached_by_a_path_of_any_length_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("a".repeat(200));
        fs::create_dir(&long).unwrap();
        for socket in [folder.path().join("barkeep.sock"), long.join("barkeep.sock")] {
            let (listener, bound) = Bound::bind(&socket).unwrap();
            assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
            dial(&socket, Duration::from_secs(1)).unwrap();
            listener.accept().unwrap();
            drop(bound);
            assert!(!socket.exists());
        }
    }

    #[test]
    fn a_dead_daemons_socket_is_replaced_and_a_file_of_that_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("barkeep.sock");
        let (_, dead) = Bound::bind(&socket).unwrap();
        let (_alive, bound) = Bound::bind(&socket).unwrap();
        drop(dead);
        assert!(socket.exists(), "only its own is taken away");
        drop(bound);
        fs::write(&socket, "mine").unwrap();
        let told = Bound::bind(&socket).err().unwrap().to_string();
        assert!(told.contains("move it away"), "{told}");
        assert_eq!(fs::read(&socket).unwrap(), b"mine");
    }

    #[test]
    fn a_listener_that_accepts_nobody_does_not_hold_up_who_connects() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("barkeep.sock");
        let (_listener, _bound) = Bound::bind(&socket).unwrap();
        let mut waiting = Vec::new();
        // As many as its queue holds get in; the next is told.
        let error = loop {
            assert!(waiting.len() < 10_000);
            match dial(&socket, Duration::from_millis(100)) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
