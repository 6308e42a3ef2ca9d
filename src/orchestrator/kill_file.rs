//! The kill file: while it is there, or cannot be looked for, the kill switch of the whole account is on.
//!
//! What it is: a look at the file once a second, and an operator's command when it appears. What it never does: throw the
//! switch off: that takes a person and a reason, once the file is gone. Who calls it: the daemon, and `kill-switch off`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use barkeep_schemas::{Input, OperatorAction, OperatorCommand};
use tokio::time::{MissedTickBehavior, interval};

use super::engine_thread::{EngineGone, EngineHandle};
use super::pairs_paper_entry::Clock;

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(1);

/// What a look at the file finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KillFile {
    /// It is not there.
    Off,
    /// It is there, or cannot be looked for: why, in words.
    On(String),
}

/// Looks for the file.
pub fn look(path: &Path) -> KillFile {
    match std::fs::symlink_metadata(path) {
        Ok(_) => KillFile::On(format!("the kill file {} is there", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound && path.parent().is_none_or(is_folder) => KillFile::Off,
        Err(error) => KillFile::On(format!("the kill file {} cannot be looked for ({error})", path.display())),
    }
}

/// A folder that is gone, as one that is not mounted, tells nothing about the file.
fn is_folder(parent: &Path) -> bool {
    parent.as_os_str().is_empty() || parent.is_dir()
}

/// Watches the file and throws the switch when it appears, once; again when it was gone meanwhile. `flatten` says at that
/// moment whether positions are closed. Ends with the engine.
///
/// # Errors
/// [`EngineGone`] when the engine has ended.
pub async fn watch(
    path: PathBuf,
    engine: EngineHandle,
    clock: Clock,
    flatten: impl Fn() -> bool + Send,
) -> Result<(), EngineGone> {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut thrown = false;
    loop {
        ticks.tick().await;
        let looked_for = path.clone();
        // A look that ends in nothing is a look that failed.
        let found = tokio::task::spawn_blocking(move || look(&looked_for)).await;
        match found.unwrap_or_else(|error| KillFile::On(format!("the kill file cannot be looked for ({error})"))) {
            KillFile::Off if thrown => {
                tracing::warn!("the kill file is gone: the switch stays on until `barkeep kill-switch off --reason …`");
                thrown = false;
            }
            KillFile::Off => {}
            KillFile::On(_) if thrown => {}
            KillFile::On(reason) => {
                let command = OperatorCommand {
                    action: OperatorAction::KillOn,
                    bucket: None,
                    flatten: flatten(),
                    reason: reason.clone(),
                    uid: rustix::process::geteuid().as_raw(),
                    ts: clock.now(),
                };
                thrown = throw(&engine, command).await?;
                if thrown {
                    tracing::error!(reason, "the kill switch of the whole account is on");
                }
            }
        }
    }
}

/// `false` while there is no segment that could take it: nothing has ever been traded then.
async fn throw(engine: &EngineHandle, command: OperatorCommand) -> Result<bool, EngineGone> {
    let taken = engine.ask(move |appliance| {
        if appliance.segment().is_none() {
            return Ok(false);
        }
        appliance.input(Input::OperatorCommand(Box::new(command)))?;
        Ok(true)
    });
    taken.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_on_whatever_it_is_and_so_is_one_that_cannot_be_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("KILL");
        assert_eq!(look(&path), KillFile::Off);
        std::os::unix::fs::symlink("/nowhere", &path).unwrap();
        assert!(matches!(look(&path), KillFile::On(_)), "a link to nothing is there");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(look(&path), KillFile::On(_)));
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        for unseen in ["file/KILL", "gone/KILL"] {
            assert!(matches!(look(&folder.path().join(unseen)), KillFile::On(_)), "{unseen}");
        }
        assert_eq!(look(Path::new("no-kill-file-here")), KillFile::Off);
    }
}
