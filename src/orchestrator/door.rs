//! The door: the one way by which commands add to the tape, whether a daemon runs or not.
//!
//! What it is: [`Door`], which takes the lock itself where it is free and otherwise speaks to the daemon that holds it, at
//! `barkeep.sock`; and [`DoorServer`], the daemon's side. What it never does: read the tape (readers take the live file),
//! write past the daemon, or show a command which of the two it was. Who calls it: commands that add inputs; the daemon.
//!
//! One command has the turn at a time, as one process has the lock. While it has it no segment begins under it: whoever
//! opens a live session takes the turn for that ([`Turns::claim`]), so numbers of instruments stay valid for a command from
//! its first to its last. Live inputs go on meanwhile, and so do an operator's commands.

mod address;
mod connection;
pub mod desk;
mod lines;
pub mod message;
mod remote;
mod server;
mod turns;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use barkeep_schemas::{Input, Instrument, InstrumentId, OpeningState, Seq, SessionDate, Tick};
use barkeep_storage::{DataDir, Holder, LockError, OpenError, SegmentName};

use super::appliance::{Appliance, ApplianceError, Counts, Pace, Standing};
use remote::{Knock, Remote};

pub use message::{Access, Why};
pub use server::{DoorServer, DoorServerError};
pub use turns::{Turn, Turns};

/// The command that a daemon writes into `LOCK`. Nothing but waiting and wording depends on it.
pub const DAEMON: &str = "run";

/// How long a daemon may take to answer a greeting. A command waits as long for one that is only starting.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two tries while a daemon starts.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a command could not add to the tape.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The lock was free or held by another command, and this is what the appliance says.
    #[error(transparent)]
    Appliance(#[from] ApplianceError),
    /// A daemon has the lock and says nothing.
    #[error(
        "{lock} is held by process {pid} ({command}), which does not answer at {socket} ({why}): see its log; give the \
         command again when it answers, or stop it first",
        lock = lock.display(), pid = holder.pid, command = holder.command, socket = socket.display()
    )]
    Silent {
        /// The lock file.
        lock: PathBuf,
        /// Who holds it.
        holder: Holder,
        /// The daemon's socket.
        socket: PathBuf,
        /// What was tried.
        why: String,
    },
    /// The daemon answered and did not let the command in, or go on.
    #[error("{text}")]
    Refused {
        /// The reason in one word.
        why: Why,
        /// The reason in a sentence.
        text: String,
    },
    /// The daemon was there and has gone, or says what nobody understands.
    #[error(
        "the daemon at {socket} is lost in the middle of the command ({why}): what it acknowledged is on the tape; see \
         its log, and give the command again when it answers",
        socket = socket.display()
    )]
    Lost {
        /// The daemon's socket.
        socket: PathBuf,
        /// What was seen of it. No source: a socket that is closed is not the closed pipe of whoever reads the output.
        why: String,
    },
}

impl DoorError {
    /// The reason that goes with exit code 3 when going on is forbidden.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Appliance(error) => error.fatal_reason(),
            Self::Silent { .. } | Self::Refused { .. } | Self::Lost { .. } => None,
        }
    }

    /// A live session is open, into which no import may come.
    fn live_session(date: SessionDate) -> Self {
        Self::Refused { why: Why::LiveSession, text: live_session(date) }
    }
}

/// Why an import of ticks waits for the end of a live session.
fn live_session(date: SessionDate) -> String {
    format!(
        "the live session of {date} is open: import after its close, or into another data directory (--data-dir \
         elsewhere)"
    )
}

/// An open door: what a command adds goes onto the tape by it, from [`Door::open`] to [`Door::close`].
pub struct Door {
    way: Way,
}

enum Way {
    /// The lock is ours.
    Local(Box<Appliance>),
    /// A daemon has it.
    Remote(Box<Remote>),
}

impl Door {
    /// Takes the lock where it is free, else the turn at the daemon that holds it. Everything that others added before is
    /// then durable.
    ///
    /// # Errors
    /// [`DoorError`], with a daemon that does not answer after some seconds.
    pub fn open(dir: &DataDir, pace: Pace, command: &str, access: Access) -> Result<Self, DoorError> {
        let since = Instant::now();
        loop {
            let held = match Appliance::open(dir, pace, command) {
                Ok(appliance) => return Self::local(appliance, access),
                Err(ApplianceError::Open(OpenError::Lock(LockError::Held { path, holder }))) => (path, holder),
                Err(error) => return Err(error.into()),
            };
            let (path, holder) = held;
            match Remote::knock(dir, &holder, command, access) {
                Ok(remote) => return Ok(Self { way: Way::Remote(Box::new(remote)) }),
                Err(Knock::Failed(error)) => return Err(error),
                Err(Knock::Nobody) if holder.command != DAEMON => {
                    let held = LockError::Held { path, holder };
                    return Err(ApplianceError::Open(OpenError::Lock(held)).into());
                }
                Err(Knock::Nobody) if since.elapsed() > PATIENCE => {
                    let why = format!("nobody listens there, for {} s", PATIENCE.as_secs());
                    return Err(DoorError::Silent { lock: path, holder, socket: dir.socket(), why });
                }
                // It starts or stops: the one ends with a socket, the other with a lock that is free.
                Err(Knock::Nobody) => sleep(PAUSE),
            }
        }
    }

    fn local(appliance: Appliance, access: Access) -> Result<Self, DoorError> {
        match (access, appliance.standing().live_session()) {
            (Access::Session, Some(date)) => {
                appliance.close()?;
                Err(DoorError::live_session(date))
            }
            (Access::Session | Access::Records | Access::Operator, _) => {
                Ok(Self { way: Way::Local(Box::new(appliance)) })
            }
        }
    }

    /// Where the tape stands.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn standing(&mut self) -> Result<Standing, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => Ok(appliance.standing()),
            Way::Remote(remote) => remote.standing(),
        }
    }

    /// Adds an input; it is durable after [`Door::durable`] or [`Door::close`].
    ///
    /// # Errors
    /// [`DoorError`]; with a daemon also that of an input before.
    pub fn input(&mut self, input: Input) -> Result<(), DoorError> {
        match &mut self.way {
            Way::Local(appliance) => {
                appliance.input(input)?;
                Ok(())
            }
            Way::Remote(remote) => remote.input(input),
        }
    }

    /// [`Door::input`] of what comes by the million.
    ///
    /// # Errors
    /// As [`Door::input`].
    #[inline(always)] // As for `Appliance::tick`.
    pub fn tick(&mut self, tick: Tick) -> Result<(), DoorError> {
        match &mut self.way {
            Way::Local(appliance) => {
                appliance.tick(tick)?;
                Ok(())
            }
            Way::Remote(remote) => remote.input(Input::Tick(tick)),
        }
    }

    /// [`Door::input`] that tells the position.
    ///
    /// # Errors
    /// As [`Door::input`].
    pub fn place(&mut self, input: Input) -> Result<Seq, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => Ok(appliance.input(input)?),
            Way::Remote(remote) => remote.place(input),
        }
    }

    /// The number of a symbol in the open segment; a new one is listed first.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn instrument(&mut self, draft: Instrument) -> Result<InstrumentId, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => Ok(appliance.instrument(draft)?),
            Way::Remote(remote) => remote.instrument(draft),
        }
    }

    /// Seals the open segment and opens the next one, for `date`.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn begin_segment(&mut self, date: SessionDate) -> Result<SegmentName, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => Ok(appliance.begin_segment(date)?),
            Way::Remote(remote) => remote.begin_segment(date),
        }
    }

    /// Closes a session that an import left open and nobody resumed. Returns its date when there was one.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn abandon_session(&mut self) -> Result<Option<SessionDate>, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => Ok(appliance.abandon_session()?),
            Way::Remote(remote) => remote.abandon_session(),
        }
    }

    /// What instruments carry over from the last session.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn carry(&mut self) -> Result<Vec<OpeningState>, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => Ok(appliance.carry().into_iter().map(|(_, state)| state).collect()),
            Way::Remote(remote) => remote.carry(),
        }
    }

    /// Waits until everything that was added is durable. Returns the last durable position.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn durable(&mut self) -> Result<Seq, DoorError> {
        match &mut self.way {
            Way::Local(appliance) => {
                appliance.flush()?;
                Ok(Seq(appliance.next_seq().0.saturating_sub(1)))
            }
            Way::Remote(remote) => remote.durable(),
        }
    }

    /// Makes everything durable and gives the lock or the turn back. Returns what was added.
    ///
    /// # Errors
    /// [`DoorError`]
    pub fn close(self) -> Result<Counts, DoorError> {
        match self.way {
            Way::Local(appliance) => {
                let counts = appliance.counts();
                appliance.close()?;
                Ok(counts)
            }
            Way::Remote(remote) => remote.close(),
        }
    }
}
