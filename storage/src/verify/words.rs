//! Errors in the words of a finding.
//!
//! Never tells what to do: a finding's remedy does. Called by the checks of segments and snapshots.

use crate::disk::is_not_regular;
use crate::error::ReadError;

/// What a read met, as a finding says it: the finding has the file, and says what to do in its own words.
pub(super) fn met(error: &ReadError) -> String {
    match error {
        ReadError::File { source, .. } if is_not_regular(source) => source.to_string(),
        ReadError::File { source, .. } => format!("could not be read: {source}"),
        ReadError::Redb { source, .. } => format!("redb cannot read it: {}", sentence(&**source)),
        ReadError::Damaged { table, key: 0, why, .. } => format!("in {table}: {}", sentence(why)),
        ReadError::Damaged { table, key, why, .. } => format!("the {table} row at key {key}: {}", sentence(why)),
        ReadError::NewerFormat { found, supported, .. } => {
            format!("has format {found}, this build reads up to {supported}")
        }
        ReadError::NewerEvent { seq, source, .. } => format!("the event at seq {seq}: {}", sentence(source)),
        ReadError::Misnamed { header, .. } => format!("its header says {header}"),
        ReadError::Broken { expected, found, .. } => format!("expected seq {expected}, found seq {found}"),
        ReadError::Short { expected, last, .. } => format!("ends before seq {expected}, its last is {last}"),
        ReadError::Repairing { .. } | ReadError::Gone { .. } | ReadError::Beyond { .. } | ReadError::Lock(_) => {
            sentence(error)
        }
    }
}

/// An error and its causes in one sentence.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
