//! `barkeep login` against a simulator that was started: pasted, taken from the browser, and asked about afterwards.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use stage::Stage;

/// A simulator that ends with the test, and a configuration that names it.
struct Sim {
    child: Child,
    told: Value,
}

impl Sim {
    fn start(stage: &Stage) -> Self {
        let sim = "sim --json --port 0 --date 2026-07-31 --start 10:00 --history 0 --instruments 5";
        let mut child = stage.command(sim).stdout(Stdio::piped()).spawn().expect("the simulator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let (rest, ws) = (text(&told, "rest"), text(&told, "ws"));
        let config = format!("[kite]\nrest = \"{rest}\"\nws = \"{ws}\"\n");
        stage.write("barkeep.toml", &config);
        Self { child, told }
    }

    fn login(&self, stage: &Stage, args: &str) -> Command {
        let mut command = stage.command(&format!("--config barkeep.toml login {args}"));
        command.env("KITE_API_KEY", text(&self.told, "api_key")).env("KITE_API_SECRET", text(&self.told, "api_secret"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn paste(&self, stage: &Stage, args: &str, pasted: &str) -> Output {
        let mut child = self.login(stage, args).spawn().expect("the command runs");
        child.stdin.take().expect("its input").write_all(pasted.as_bytes()).expect("a reader");
        child.wait_with_output().expect("its end")
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text<'a>(told: &'a Value, name: &str) -> &'a str {
    told[name].as_str().unwrap_or_else(|| panic!("{name} in {told}"))
}

#[track_caller]
fn ended(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out.into_owned(), err.into_owned())
}

/// Asks a server of loopback and gives the head and body of its answer.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a server");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("a reader");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn what_is_pasted_becomes_a_token_that_holds() {
    let stage = Stage::new();
    let sim = Sim::start(&stage);
    let file = stage.path("data/kite_token.json");

    let (out, _) = ended(&sim.login(&stage, "--status").output().expect("a command"), 1);
    assert!(out.starts_with("There is no token"), "{out}");
    for (pasted, said) in [
        ("", "nothing was pasted"),
        ("https://localhost/?status=error&request_token=abc\n", "the login did not succeed"),
        ("wrong\n", "a request token holds for minutes and can be used once"),
    ] {
        let (_, err) = ended(&sim.paste(&stage, "", pasted), 2);
        assert!(err.contains(said), "{err}");
    }
    assert!(!file.exists());

    let brought = text(&sim.told, "request_token");
    let redirect = format!("http://127.0.0.1/?request_token={brought}&action=login&type=login&status=success\n");
    let (out, err) = ended(&sim.paste(&stage, "", &redirect), 0);
    assert!(err.contains(&format!("{}/connect/login?v=3&api_key=", text(&sim.told, "rest"))), "{err}");
    assert!(out.contains("holds until 2026-08-01 06:00:00 IST") && out.contains("barkeep login"), "{out}");
    assert_eq!(file.metadata().expect("the file").permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
    let secret = text(&kept, "access_token");
    assert!(!out.contains(secret) && !err.contains(secret));

    let (out, _) = ended(&sim.login(&stage, "--status --json").output().expect("a command"), 0);
    let status: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&status["holds"], text(&status, "user_id")), (&Value::Bool(true), text(&kept, "user_id")));
    assert!(!out.contains(secret));

    fs::write(&file, fs::read_to_string(&file).expect("the file").replace(secret, "another")).expect("a file");
    let (out, _) = ended(&sim.login(&stage, "--status").output().expect("a command"), 1);
    assert!(out.contains("does not hold"), "{out}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("permissions");
    let (_, err) = ended(&sim.login(&stage, "--status").output().expect("a command"), 2);
    assert!(err.contains("chmod 600"), "{err}");
}

#[test]
fn the_redirect_of_the_browser_is_taken_on_loopback() {
    let stage = Stage::new();
    let sim = Sim::start(&stage);
    let mut child = sim.login(&stage, "--callback 0 --json").spawn().expect("the command runs");
    let mut err = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut page = String::new();
    let address = loop {
        let mut line = String::new();
        assert!(err.read_line(&mut line).expect("a line") > 0, "it ended before it waited");
        if let Some(path) = line.trim().strip_prefix(text(&sim.told, "rest")) {
            page = path.to_owned();
        }
        if let Some((_, rest)) = line.split_once("http://127.0.0.1:")
            && line.starts_with("Waiting")
        {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            break format!("127.0.0.1:{port}");
        }
    };
    assert!(get(&address, "/favicon.ico").starts_with("HTTP/1.1 404"));
    assert!(get(&address, "/?status=success").starts_with("HTTP/1.1 400"));
    // What brings no login is told so, and does not end the waiting.
    let refused = get(&address, "/?request_token=stranger&status=success");
    assert!(refused.starts_with("HTTP/1.1 502") && refused.contains("Not logged in: the broker takes no"), "{refused}");
    assert!(!refused.contains("Logged in"), "{refused}");
    let failed = get(&address, "/?status=error");
    assert!(failed.contains("the login did not succeed") && failed.contains("still waits"), "{failed}");
    assert!(!stage.path("data/kite_token.json").exists());
    // The page that a person opens sends the browser on with a request token.
    let rest = text(&sim.told, "rest").trim_start_matches("http://").to_owned();
    let redirect = get(&rest, &page);
    let (_, query) = redirect.split_once("location: ").expect("a redirect").1.split_once('?').expect("a query");
    let query = query.lines().next().expect("a line");
    let answer = get(&address, &format!("/?{query}"));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Logged in."), "{answer}");
    assert!(stage.path("data/kite_token.json").exists(), "it is written before it is told");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["holds"], told["valid_until"].as_i64()), (&Value::Bool(true), Some(1_785_544_200)));
}

/// A request token can be used once, so it is not asked for where the access token could not be kept.
#[test]
fn where_the_token_could_not_be_kept_no_login_is_begun() {
    let stage = Stage::new();
    let sim = Sim::start(&stage);
    let config = fs::read_to_string(stage.path("barkeep.toml")).expect("the configuration");
    let brought = format!("{}\n", text(&sim.told, "request_token"));
    stage.write("file", "");
    fs::create_dir(stage.path("folder")).expect("a folder");
    for (token_file, why) in [("file/token.json", "cannot be written"), ("folder", "is no file")] {
        stage.write("barkeep.toml", &format!("{config}token_file = \"{token_file}\"\n"));
        let (_, err) = ended(&sim.paste(&stage, "", &brought), 2);
        assert!(err.contains(why) && err.contains("token_file of [kite]") && !err.contains("Log in here"), "{err}");
    }
    // It is unspent.
    stage.write("barkeep.toml", &config);
    ended(&sim.paste(&stage, "", &brought), 0);
    let mut kept: Vec<_> = fs::read_dir(stage.path("data")).expect("a folder").collect();
    kept.retain(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().contains("token")));
    assert_eq!(kept.len(), 1, "no draft is left");
}

#[test]
fn without_key_and_secret_or_a_broker_it_says_what_to_do() {
    let stage = Stage::new();
    stage.write("barkeep.toml", "[kite]\nrest = \"http://127.0.0.1:1\"\n");
    let mut command = stage.command("--config barkeep.toml login");
    command.env_remove("KITE_API_KEY").env_remove("KITE_API_SECRET");
    let (_, err) = ended(&command.output().expect("a command"), 2);
    assert!(err.contains("`KITE_API_KEY` is missing"), "{err}");
    stage.write("keys", "api_key = \"k\"\napi_secret = \"S3CRETS3CRET\"\n");
    fs::set_permissions(stage.path("keys"), fs::Permissions::from_mode(0o600)).expect("permissions");
    stage.write("barkeep.toml", "[kite]\nrest = \"http://127.0.0.1:1\"\ncredentials_file = \"keys\"\n");
    let mut child = stage.command("--config barkeep.toml login");
    let mut child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("its input").write_all(b"abcdef\n").expect("a reader");
    let (_, err) = ended(&child.wait_with_output().expect("its end"), 2);
    assert!(err.contains("POST /session/token: no answer after 1 attempt:"), "{err}");
    assert!(!err.contains("S3CRET") && !err.contains("abcdef"), "{err}");
}
