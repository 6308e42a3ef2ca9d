//! What holds between segments, and what else lies in the tape folder.
//!
//! Never opens a segment: it compares what the checks of each have told. Called by commands.

use std::io;

use super::{BodyFacts, Finding, HeaderFacts, Remedy, Table};
use crate::paths::{DataDir, NEWBORN_SUFFIX, SegmentName};

/// A segment whose header was read: its name, what it says and, when its rows were all read, what they say.
pub type Known = (SegmentName, HeaderFacts, Option<BodyFacts>);

/// Compares neighbours. `all_known` says whether every segment's header was read: where one was not, a gap is no news.
pub fn between(segments: &[Known], all_known: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut segments: Vec<&Known> = segments.iter().collect();
    segments.sort_unstable_by_key(|(name, header, _)| (header.ordinal, *name));
    for (one, next) in segments.iter().zip(segments.iter().skip(1)) {
        if !one.1.sealed {
            let what = format!("is not sealed although {} is newer", next.0);
            found.push(damage(one.0, what));
        }
        compare(one, next, all_known, &mut found);
    }
    found
}

fn damage(name: SegmentName, what: String) -> Finding {
    Finding::damage(&format!("tape/{name}"), what).at(Table::Meta, None)
}

fn compare(one: &Known, next: &Known, all_known: bool, found: &mut Vec<Finding>) {
    let ((one_name, one, body), (name, header, _)) = (one, next);
    if one.ordinal == header.ordinal {
        let mut finding = damage(*name, format!("has ordinal {}, as {one_name} has: one is a copy", header.ordinal));
        finding.remedy = Remedy::RemoveFile;
        found.push(finding);
        return;
    }
    let adjacent = one.ordinal + 1 == header.ordinal;
    if !adjacent && all_known {
        let missing = header.ordinal - one.ordinal - 1;
        let what = format!("{missing} segments before this one are missing, the one before is {one_name}");
        found.push(damage(*name, what).seqs(header.previous_last.min(header.first_seq), Some(header.previous_last)));
    }
    let last = body.as_ref().and_then(|body| body.last_seq);
    if let Some(last) = last.filter(|last| adjacent && *last != header.previous_last) {
        let what = format!("begins after seq {}, {one_name} ends at {last}", header.previous_last);
        found.push(damage(*name, what));
    }
    let linked = one.format > 0 && header.format > 0 && one.sealed && adjacent;
    if linked && one.last_chain != header.previous_chain {
        let hash = |hash: &Option<String>| hash.clone().unwrap_or_else(|| "zero".to_owned());
        let what = format!(
            "follows the chain hash {}, {one_name} ends with {}: it is of another tape",
            hash(&header.previous_chain),
            hash(&one.last_chain)
        );
        found.push(damage(*name, what));
    }
}

/// Files in the tape folder that are no segments. `live`: a writer is at work, whose unfinished files are no news.
///
/// # Errors
/// The folder could not be listed.
pub fn strays(dir: &DataDir, live: bool) -> io::Result<Vec<Finding>> {
    let mut files = dir.tape_files()?;
    files.sort_unstable();
    let strays = files.iter().filter(|file| SegmentName::parse(file).is_none());
    let findings = strays.filter_map(|file| {
        let path = format!("tape/{file}");
        if file.ends_with(NEWBORN_SUFFIX) {
            let what = "was never finished, the next writer removes it";
            return (!live).then(|| Finding::note(&path, what, Remedy::Nothing));
        }
        Some(Finding::note(&path, "is not the name of a segment: nothing reads it", Remedy::RemoveFile))
    });
    Ok(findings.collect())
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::SessionDate;

    use super::*;

    fn segment(ordinal: u64, change: impl FnOnce(&mut HeaderFacts, &mut BodyFacts)) -> Known {
        let mut header = HeaderFacts {
            format: 1,
            ordinal,
            first_seq: ordinal * 100,
            previous_last: ordinal * 100 - 1,
            previous_chain: Some(format!("chain {}", ordinal - 1)),
            sealed: true,
            last_chain: Some(format!("chain {ordinal}")),
        };
        let mut body = BodyFacts { events: 100, last_seq: Some(ordinal * 100 + 99), chains: Vec::new() };
        change(&mut header, &mut body);
        (SegmentName { date: SessionDate(20_000), run: ordinal as u32 }, header, Some(body))
    }

    #[track_caller]
    fn check(segments: &[Known], expected: &[&str]) {
        let found: Vec<String> =
            between(segments, true).into_iter().map(|finding| format!("{}: {}", finding.file, finding.what)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn neighbours_that_fit_are_clean_and_each_way_not_to_fit_is_told() {
        let whole = |ordinal| segment(ordinal, |_, _| {});
        check(&[whole(2), whole(1), whole(3)], &[]);
        check(&[whole(3), whole(4)], &[]);
        check(
            &[whole(1), whole(3)],
            &["tape/2024-10-04.3.redb: 1 segments before this one are missing, the one before is 2024-10-04.1.redb"],
        );
        check(
            &[segment(1, |header, _| header.sealed = false), whole(2)],
            &["tape/2024-10-04.1.redb: is not sealed although 2024-10-04.2.redb is newer"],
        );
        check(
            &[segment(1, |_, body| body.last_seq = Some(150)), whole(2)],
            &["tape/2024-10-04.2.redb: begins after seq 199, 2024-10-04.1.redb ends at 150"],
        );
        check(
            &[whole(1), segment(2, |header, _| header.previous_chain = Some("other".into()))],
            &[
                "tape/2024-10-04.2.redb: follows the chain hash other, 2024-10-04.1.redb ends with chain 1: it is of another \
             tape",
            ],
        );
        let copy = (SegmentName { run: 7, ..whole(1).0 }, whole(1).1, None);
        check(&[whole(1), copy], &["tape/2024-10-04.7.redb: has ordinal 1, as 2024-10-04.1.redb has: one is a copy"]);
    }
}
