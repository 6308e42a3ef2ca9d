//! A daemon and a simulated Kite that share virtual time, with the test between them: it passes each mark on, knows the
//! moment, may end or kill the daemon, and takes its place for a while, so that time goes on and ticks are missed.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use barkeep_schemas::{NANOS, SessionDate, Ts};
use barkeep_sim::kite::orders::session_checksum;
use barkeep_sim::server::{Ack, Mark, Texts};
use barkeep_storage::{DataDir, SegmentInfo, Tape};

use crate::stage::{Stage, free_ports, words};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The day of most tests.
pub const DATE: &str = "2026-07-31";

/// A time of day of [`DATE`], IST.
pub fn clock(hour: i64, minute: i64, second: i64) -> Ts {
    let date = SessionDate::parse(DATE).expect("a date");
    Ts::from_secs(i64::from(date.0) * 86_400 - 19_800 + (hour * 60 + minute) * 60 + second)
}

/// The date in India.
fn date_of(now: Ts) -> SessionDate {
    SessionDate((now.secs() + 19_800).div_euclid(86_400) as i32)
}

fn connected(address: SocketAddr) -> TcpStream {
    patient(TcpStream::connect(address).expect("a connection"))
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// The simulated Kite, its partner's line, and what is needed to log in.
pub struct Rehearsal {
    pub stage: Stage,
    sim: Child,
    rest: SocketAddr,
    api_key: String,
    api_secret: String,
    marks: BufReader<TcpStream>,
    listener: TcpListener,
    daemon: Option<Daemon>,
    /// The last mark, which nobody has acknowledged.
    mark: Mark,
    line: String,
    /// The date of the token in its file.
    logged_in: Option<SessionDate>,
    /// Real time spent in a daemon's marks, for figures.
    pub marks_seen: u64,
}

struct Daemon {
    child: Child,
    line: BufReader<TcpStream>,
}

impl Daemon {
    fn terminate(&self) -> Instant {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        Instant::now()
    }
}

impl Rehearsal {
    /// Starts a simulator with `--date` of [`DATE`], `sim` behind it, and writes a configuration with `config` at its end.
    pub fn new(sim: &str, config: &str) -> Self {
        let stage = Stage::new();
        let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
        command.env_remove("BARKEEP_CONFIG").current_dir(stage.folder.path());
        command.args(words(&format!("sim --json --date {DATE} --port 0 --control 0 --ledger ledger.ndjson {sim}")));
        let mut sim = command.stdout(Stdio::piped()).spawn().expect("a simulator");
        let mut first = String::new();
        BufReader::new(sim.stdout.take().expect("its stdout")).read_line(&mut first).expect("its first line");
        let told: serde_json::Value = serde_json::from_str(&first).expect("JSON");
        let word = |key: &str| told[key].as_str().expect("a word").to_owned();
        let rest = word("rest");
        let address = |root: &str| root.rsplit('/').next().expect("an address").parse().expect("an address");
        fs::create_dir_all(stage.path("data")).expect("a folder");
        let kite = format!("[kite]\nrest = \"{rest}\"\nws = \"{}\"\n", word("ws"));
        stage.write("run.toml", &format!("data_dir = \"data\"\n{kite}{}{config}\n", free_ports()));
        let mut marks = BufReader::new(connected(address(&word("control"))));
        let mut line = String::new();
        marks.read_line(&mut line).expect("the first mark");
        let mark = serde_json::from_str(&line).expect("a mark");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut rehearsal = Self {
            rest: address(&rest),
            api_key: word("api_key"),
            api_secret: word("api_secret"),
            stage,
            sim,
            marks,
            listener,
            daemon: None,
            mark,
            line,
            logged_in: None,
            marks_seen: 0,
        };
        rehearsal.log_in();
        rehearsal
    }

    /// The virtual time.
    pub fn now(&self) -> Ts {
        Ts::new(self.mark.now)
    }

    /// Whether the simulator's time is at its end.
    pub fn is_over(&self) -> bool {
        self.mark.end
    }

    pub fn dir(&self) -> DataDir {
        DataDir::new(self.stage.path("data"))
    }

    pub fn tape(&self) -> (Tape, SegmentInfo) {
        let tape = Tape::open(&self.dir()).expect("the tape opens");
        let segment = tape.segments().last().expect("a segment").clone();
        (tape, segment)
    }

    pub fn ledger(&self) -> PathBuf {
        self.stage.path("ledger.ndjson")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.stage.path("run.err")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon").child.id()
    }

    /// The root of the simulator's REST.
    pub fn rest(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// One request over REST, its whole answer.
    fn ask(&self, method: &str, path: &str, form: &str) -> String {
        let mut stream = connected(self.rest);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\nx-kite-version: 3\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(head.as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A fresh token in its file, as of now.
    pub fn log_in(&mut self) {
        let after = |text: &str, what: &str| -> String {
            let (_, rest) = text.split_once(what).unwrap_or_else(|| panic!("no {what} in {text}"));
            rest.chars().take_while(char::is_ascii_alphanumeric).collect()
        };
        let (key, secret) = (&self.api_key, &self.api_secret);
        let redirect = self.ask("GET", &format!("/connect/login?v=3&api_key={key}"), "");
        let request_token = after(&redirect, "request_token=");
        let checksum = session_checksum(key, &request_token, secret);
        let form = format!("api_key={key}&request_token={request_token}&checksum={checksum}");
        let token = after(&self.ask("POST", "/session/token", &form), "\"access_token\":\"");
        let ist = self.now().secs() + 19_800;
        let (hour, minute, second) = (ist.rem_euclid(86_400) / 3_600, ist.rem_euclid(3_600) / 60, ist.rem_euclid(60));
        let login = format!("{} {hour:02}:{minute:02}:{second:02}", date_of(self.now()));
        let text = serde_json::json!({
            "api_key": key, "access_token": token, "user_id": null, "login": login,
        });
        let (draft, path) = (self.stage.path("token.new"), self.stage.path("data").join("kite_token.json"));
        fs::write(&draft, text.to_string()).expect("a file");
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600)).expect("its mode");
        fs::rename(&draft, &path).expect("a file in place");
        self.logged_in = Some(date_of(self.now()));
    }

    /// Starts the daemon, which will live from the mark that waits.
    pub fn start(&mut self) {
        let log = |name: &str| {
            let file = File::options().create(true).append(true).open(self.stage.path(name));
            Stdio::from(file.expect("a log"))
        };
        let control = self.listener.local_addr().expect("an address");
        let mut command = self.stage.command(&format!("--config run.toml run --control {control}"));
        let mut child = command.stdout(log("run.out")).stderr(log("run.err")).spawn().expect("a daemon");
        self.listener.set_nonblocking(true).expect("a listener");
        let begun = Instant::now();
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if begun.elapsed() < PATIENCE => {
                    let ended = child.try_wait().expect("a child");
                    assert_eq!(ended, None, "the daemon has ended: {}", self.log());
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => panic!("the daemon does not come: {error}: {}", self.log()),
            }
        };
        stream.set_nonblocking(false).expect("a stream");
        self.daemon = Some(Daemon { child, line: BufReader::new(patient(stream)) });
    }

    /// One mark for the daemon; `false` when it has left instead of acknowledging it.
    fn turn(&mut self) -> bool {
        let daemon = self.daemon.as_mut().expect("a daemon");
        let mut ack = String::new();
        let sent = daemon.line.get_mut().write_all(self.line.as_bytes()).is_ok();
        if !sent || daemon.line.read_line(&mut ack).unwrap_or(0) == 0 {
            return false;
        }
        self.marks_seen += 1;
        self.go_on(&ack);
        true
    }

    /// Acknowledges to the simulator and takes its next mark.
    fn go_on(&mut self, ack: &str) {
        self.marks.get_mut().write_all(ack.as_bytes()).expect("a simulator");
        self.line.clear();
        self.marks.read_line(&mut self.line).expect("a mark");
        self.mark = serde_json::from_str(&self.line).unwrap_or_else(|error| panic!("{error}: {}", self.line));
    }

    /// The daemon lives up to a moment, or to the end of the simulator's time.
    pub fn live_until(&mut self, until: Ts) {
        while self.now() < until && !self.mark.end {
            // Tokens die at six in the morning; whoever operates barkeep logs in again.
            if self.logged_in != Some(date_of(self.now())) {
                self.log_in();
            }
            assert!(self.turn(), "the daemon has left at {}: {}", self.now().secs(), self.log());
        }
    }

    /// The daemon takes the last mark and leaves by itself.
    pub fn finish(&mut self) {
        assert!(!self.turn(), "the daemon leaves with the simulator's time");
        let status = self.daemon.take().expect("a daemon").child.wait().expect("its end");
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// SIGKILL while the daemon deals with a mark, `after` the mark was sent.
    pub fn kill(&mut self, after: Duration) {
        let mut daemon = self.daemon.take().expect("a daemon");
        // One that was killed before it could read is dead all the same.
        let _ = daemon.line.get_mut().write_all(self.line.as_bytes());
        std::thread::sleep(after);
        daemon.child.kill().expect("SIGKILL");
        daemon.child.wait().expect("its end");
    }

    /// SIGTERM while time stands; how it ended and how long that took.
    pub fn terminate_at_rest(&mut self) -> (ExitStatus, Duration) {
        let mut daemon = self.daemon.take().expect("a daemon");
        let begun = daemon.terminate();
        let status = daemon.child.wait().expect("its end");
        (status, begun.elapsed())
    }

    /// SIGTERM; how it ended and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let mut daemon = self.daemon.take().expect("a daemon");
        let begun = daemon.terminate();
        // The signal is on its way: until it is there marks are dealt with as ever.
        let mut ack = String::new();
        while daemon.line.get_mut().write_all(self.line.as_bytes()).is_ok() {
            ack.clear();
            if daemon.line.read_line(&mut ack).unwrap_or(0) == 0 {
                break;
            }
            let ack = ack.clone();
            self.go_on(&ack);
        }
        let status = daemon.child.wait().expect("its end");
        (status, begun.elapsed())
    }

    /// The test takes the daemon's place up to a moment: websockets are gone, nobody listens.
    pub fn alone_until(&mut self, until: Ts) {
        assert!(self.daemon.is_none());
        loop {
            let closed = self.mark.sockets.iter().map(|socket| socket.id).collect();
            let ack = Ack { ack: self.mark.now, texts: Texts::All(0), requests: 0, closed };
            let line = serde_json::to_string(&ack).expect("an ack") + "\n";
            self.go_on(&line);
            if self.now() >= until || self.mark.end {
                return;
            }
        }
    }

    /// `replay --verify` of the newest session, without a difference.
    pub fn verify(&self) {
        let verdict = self.stage.json(0, "--config run.toml replay --verify --json");
        assert_eq!(verdict["differences"], 0, "{verdict}");
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            // It may have ended.
            let _ = daemon.child.kill();
            let _ = daemon.child.wait();
        }
        let _ = self.sim.kill();
        let _ = self.sim.wait();
    }
}

/// Whole seconds of a moment's day in India, for people.
pub fn hms(at: Ts) -> String {
    let ist = at.get().div_euclid(NANOS) + 19_800;
    format!("{:02}:{:02}:{:02}", ist.rem_euclid(86_400) / 3_600, ist.rem_euclid(3_600) / 60, ist.rem_euclid(60))
}
