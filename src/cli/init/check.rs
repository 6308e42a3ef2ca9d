//! Whether a host will do: each check says what it found and, where that is not well, what to do.
//!
//! What it never does: change the host. The sync cost is measured on a file of its own, which goes again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use barkeep_schemas::Ts;
use serde::Serialize;

use crate::cli::moment;
use crate::cli::screen;
use crate::monitoring::disk_room;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::pairs_paper_entry::Ports;

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Well.
    Ok,
    /// It works, and could be better.
    Warn,
    /// It will not work.
    Fail,
    /// It could not be looked at.
    Skipped,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) status: Status,
    /// What was found.
    pub(super) why: String,
    /// What to do; empty where nothing is to be done.
    pub(super) fix: String,
}

impl Check {
    fn new(name: &'static str, status: Status, why: impl Into<String>, fix: &str) -> Self {
        Self { name, status, why: why.into(), fix: fix.to_owned() }
    }

    fn ok(name: &'static str, why: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, why, "")
    }
}

/// Every check.
pub(super) fn host(config: &Config, data_dir: &Path) -> Vec<Check> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Ts::from_secs(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    vec![
        cores(),
        memory(),
        clock(),
        calendar(config, now),
        space(data_dir),
        sync(config, data_dir),
        permissions(data_dir),
        user(),
        ports(config),
    ]
}

fn cores() -> Check {
    match std::thread::available_parallelism() {
        Ok(cores) if cores.get() >= 2 => Check::ok("cores", format!("{cores}")),
        Ok(_) => Check::new("cores", Status::Warn, "1", "the engine and the sockets share it: give barkeep two"),
        Err(error) => Check::new("cores", Status::Skipped, error.to_string(), ""),
    }
}

fn memory() -> Check {
    const ENOUGH_KIB: u64 = 1 << 20;
    let Some(kib) = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available_kib(&text)) else {
        return Check::new("memory", Status::Skipped, "/proc/meminfo does not say", "");
    };
    let why = format!("{} available", screen::bytes(kib << 10));
    if kib >= ENOUGH_KIB {
        Check::ok("memory", why)
    } else {
        Check::new(
            "memory",
            Status::Warn,
            why,
            "9,000 instruments take some 300 MiB, commands on old days more: 1 GiB is comfortable",
        )
    }
}

fn available_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether the clock is kept in step, as far as the system says.
fn clock() -> Check {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Check::ok("clock", "in step with a time server (systemd-timesyncd)");
    }
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let said = asked.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    match said.as_deref().map(|said| String::from_utf8_lossy(said).trim().to_owned()).as_deref() {
        Some("yes") => Check::ok("clock", "in step with a time server"),
        Some("no") => Check::new(
            "clock",
            Status::Warn,
            "in step with no time server",
            "run chrony or systemd-timesyncd: a clock that is off shifts every receive time and latency",
        ),
        Some(_) | None => Check::new(
            "clock",
            Status::Skipped,
            "this system does not say whether it is kept in step",
            "see to it that chrony, systemd-timesyncd or the hypervisor keeps it",
        ),
    }
}

fn calendar(config: &Config, now: Ts) -> Check {
    let today = moment::ist_date(now);
    match Calendar::load(config.calendar.file.as_deref()) {
        Err(error) => {
            Check::new("calendar", Status::Fail, error.to_string(), "mend the file, or set file of [calendar] to \"\"")
        }
        Ok(calendar) if today < calendar.from() || today > calendar.to() => Check::new(
            "calendar",
            Status::Fail,
            format!("today, {today}, is outside {} to {}", calendar.from(), calendar.to()),
            "add the exchange's list with `barkeep calendar import HOLIDAYS.csv --into FILE`, or set this host's date",
        ),
        Ok(calendar) => Check::ok("calendar", format!("today is {today}, the calendar ends {}", calendar.to())),
    }
}

fn space(data_dir: &Path) -> Check {
    const ENOUGH: u64 = 20 << 30;
    const LEAST: u64 = 1 << 30;
    let free = match disk_room::free_bytes(data_dir) {
        Ok(free) => free,
        Err(error) => return Check::new("disk space", Status::Fail, error.to_string(), "choose another data_dir"),
    };
    let why = format!("{} free at {}", screen::bytes(free), data_dir.display());
    if free >= ENOUGH {
        Check::ok("disk space", why)
    } else {
        let status = if free >= LEAST { Status::Warn } else { Status::Fail };
        Check::new(
            "disk space",
            status,
            why,
            "a busy day of 9,000 instruments takes a gigabyte or more: make room, or choose another data_dir",
        )
    }
}

/// Syncs measured; the middle one is told.
const SYNCS: usize = 21;

fn sync(config: &Config, data_dir: &Path) -> Check {
    let window = Duration::from_millis(u64::from(config.tape.commit_ms));
    match measure_sync(data_dir) {
        Ok(cost) => {
            let why = format!("{:.2} ms for 4 KiB, by the middle of {SYNCS}", cost.as_secs_f64() * 1e3);
            if cost <= window {
                Check::ok("disk sync", why)
            } else {
                let fix = "longer than commit_ms of [tape]: batches grow and latency with them; use a disk with power-loss protection";
                Check::new("disk sync", Status::Warn, why, fix)
            }
        }
        Err(error) => Check::new(
            "disk sync",
            Status::Fail,
            error.to_string(),
            "this user must be able to write and sync files in data_dir",
        ),
    }
}

fn measure_sync(data_dir: &Path) -> io::Result<Duration> {
    let path = data_dir.join(format!(".sync-{}", std::process::id()));
    let measured = measure_sync_on(&path);
    // It was there for the measurement alone; where it cannot be removed the measurement failed too.
    let _ = fs::remove_file(&path);
    measured
}

fn measure_sync_on(path: &Path) -> io::Result<Duration> {
    let mut file = File::create_new(path)?;
    let mut costs = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        costs.push(began.elapsed());
    }
    costs.sort_unstable();
    Ok(costs.get(SYNCS / 2).copied().unwrap_or_default())
}

fn permissions(data_dir: &Path) -> Check {
    match fs::metadata(data_dir) {
        Err(error) => Check::new("permissions", Status::Fail, error.to_string(), "choose another data_dir"),
        Ok(meta) => {
            let mode = meta.permissions().mode() & 0o777;
            let why = format!("{} has mode {mode:03o}", data_dir.display());
            if mode & 0o022 != 0 {
                Check::new(
                    "permissions",
                    Status::Fail,
                    why,
                    &format!("others may write the tape: chmod 750 '{}'", data_dir.display()),
                )
            } else if mode & 0o004 != 0 {
                Check::new(
                    "permissions",
                    Status::Warn,
                    why,
                    &format!("others may read the tape: chmod 750 '{}'", data_dir.display()),
                )
            } else {
                Check::ok("permissions", why)
            }
        }
    }
}

fn user() -> Check {
    if rustix::process::geteuid().is_root() {
        Check::new(
            "user",
            Status::Warn,
            "root",
            "barkeep needs no privilege: run it as a user of its own, as the systemd unit does",
        )
    } else {
        Check::ok("user", "not root")
    }
}

fn ports(config: &Config) -> Check {
    match Ports::bind(&config.ports) {
        Ok(ports) => {
            let bound: Vec<String> = ports.addresses().iter().map(|(_, address)| address.port().to_string()).collect();
            Check::ok("ports", format!("{} can be bound", bound.join(" ")))
        }
        Err(error) => {
            Check::new("ports", Status::Warn, error.to_string(), "unless barkeep is running, which holds them")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_write_will_not_do() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, status) in [(0o700, Status::Ok), (0o750, Status::Ok), (0o755, Status::Warn), (0o770, Status::Fail)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(permissions(folder.path()).status, status, "{mode:o}");
        }
        assert_eq!(permissions(Path::new("/no/such/folder")).status, Status::Fail);
    }

    #[test]
    fn a_sync_is_measured_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(measure_sync(folder.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(measure_sync(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn a_date_outside_the_calendar_will_not_do() {
        let config = Config::builtin().unwrap();
        assert_eq!(calendar(&config, Ts::from_secs(1_795_500_000)).status, Status::Ok);
        let late = calendar(&config, Ts::from_secs(1_900_000_000));
        assert_eq!(late.status, Status::Fail);
        assert!(late.why.contains("is outside 2015-01-01 to 2026-12-31"), "{}", late.why);
    }

    #[test]
    fn the_kernels_figure_of_memory_is_read() {
        assert_eq!(available_kib("MemTotal: 9 kB\nMemAvailable:   123456 kB\n"), Some(123_456));
        assert_eq!(available_kib("MemTotal: 9 kB\n"), None);
    }
}
