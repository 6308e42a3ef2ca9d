//! Files that are read and files that are not, logins that succeed and logins that do not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn at(text: &str) -> Ts {
    ist::parse(text).unwrap()
}

fn token(secret: &str) -> AccessToken {
    AccessToken {
        api_key: "kitekey".into(),
        access_token: secret.into(),
        user_id: Some("AB1234".into()),
        login: at("2026-11-20 08:31:05"),
    }
}

/// A file of a mode in a folder of its own.
fn file(text: &str, mode: u32) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

/// What is told, without the folder.
fn told(error: &impl ToString, folder: &TempDir) -> String {
    error.to_string().replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn a_token_ends_at_the_next_six_in_the_morning() {
    let ends = |login| ist::date_time(AccessToken { login: at(login), ..token("s") }.valid_until());
    assert_eq!(ends("2026-11-20 08:31:05"), "2026-11-21 06:00:00");
    assert_eq!(ends("2026-11-20 05:59:59"), "2026-11-20 06:00:00");
    assert_eq!(ends("2026-11-20 06:00:00"), "2026-11-21 06:00:00");
    assert_eq!(ends("2026-12-31 23:59:59"), "2027-01-01 06:00:00");
}

#[test]
fn a_token_is_written_for_its_owner_alone_and_read_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new").join("kite_token.json");
    assert!(read(&path).unwrap().is_none());
    for secret in ["fIrSt", "sec\"ond\\ü"] {
        write(&path, &token(secret)).unwrap();
        let back = read(&path).unwrap().unwrap();
        assert_eq!(back, token(secret));
        assert_eq!((back.user_id.as_deref(), back.login), (Some("AB1234"), token(secret).login));
    }
    assert_ne!(read(&path).unwrap().unwrap(), token("fIrSt"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    let there: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(there.len(), 1, "nothing is left beside it");
    assert!(!format!("{:?}", token("fIrSt")).contains("fIrSt"));
}

#[test]
fn a_file_that_others_can_read_is_refused_and_no_error_shows_what_is_in_it() {
    for (text, mode, expected) in [
        (
            "{\"access_token\":\"S3CRET\"}",
            0o644,
            "DIR/secret can be read by others (mode 0644): type `chmod 600 DIR/secret`",
        ),
        (
            "{\"access_token\":\"S3CRET\"}",
            0o600,
            "DIR/secret holds no access token (no `api_key`): type `barkeep login` to write it anew",
        ),
        (
            "S3CRET",
            0o600,
            "DIR/secret holds no access token (no JSON, line 1 column 1): type `barkeep login` to write it anew",
        ),
        (
            "{\"api_key\":\"k\",\"access_token\":\"S3CRET\",\"login\":\"S3CRET\"}",
            0o400,
            "DIR/secret holds no access token (no `login`): type `barkeep login` to write it anew",
        ),
    ] {
        let (folder, path) = file(text, mode);
        let error = read(&path).unwrap_err();
        assert_eq!(told(&error, &folder), expected);
        assert!(!format!("{error:?}").contains("S3CRET"));
    }
    let folder = TempDir::new().unwrap();
    assert_eq!(told(&read(folder.path()).unwrap_err(), &folder), "DIR is no file");
    let (folder, path) = file("", 0o600);
    std::fs::write(&path, [0xff; 8]).unwrap();
    assert_eq!(told(&read(&path).unwrap_err(), &folder), "DIR/secret is no text (UTF-8)");
    std::fs::write(&path, "x".repeat(70_000)).unwrap();
    assert_eq!(told(&read(&path).unwrap_err(), &folder), "DIR/secret is too long");
}

#[test]
fn credentials_come_from_two_lines_or_two_variables() {
    let (_folder, path) = file("# mine\n\napi_secret = 'S3CRET'  # do not show\napi_key=\"kitekey\"\n", 0o600);
    let read = Credentials::from_file(&path).unwrap();
    assert_eq!((read.api_key.as_str(), read.api_secret.expose_secret()), ("kitekey", "S3CRET"));
    assert!(!format!("{read:?}").contains("S3CRET"));
    for (text, mode, expected) in [
        ("api_key = \"k\"\n", 0o600, "DIR/secret: `api_secret` is missing or empty"),
        ("api_key = \"k\"\napi_secret = \"\"\n", 0o600, "DIR/secret: `api_secret` is missing or empty"),
        ("api_key = \"k\"\nS3CRET\n", 0o600, "DIR/secret:2: expected api_key = \"…\" or api_secret = \"…\", each once"),
        ("api_secret = S3CRET\n", 0o600, "DIR/secret:1: expected api_key = \"…\" or api_secret = \"…\", each once"),
        (
            "api_key = \"k\"\napi_key = \"k\"\n",
            0o600,
            "DIR/secret:2: expected api_key = \"…\" or api_secret = \"…\", each once",
        ),
        ("", 0o640, "DIR/secret can be read by others (mode 0640): type `chmod 600 DIR/secret`"),
    ] {
        let (folder, path) = file(text, mode);
        assert_eq!(told(&Credentials::from_file(&path).unwrap_err(), &folder), expected);
    }
    let folder = TempDir::new().unwrap();
    let absent = Credentials::from_file(&folder.path().join("no")).unwrap_err();
    assert!(told(&absent, &folder).starts_with("DIR/no is not there: write it with the lines"));
    let (key, secret) = (Some("k".to_owned()), Some("s".to_owned()));
    assert!(Credentials::from_values(key.clone(), secret).is_ok());
    let missing = Credentials::from_values(key, None).unwrap_err().to_string();
    assert_eq!(missing, "the environment: `KITE_API_SECRET` is missing or empty");
}

#[test]
fn what_is_pasted_after_a_login_is_understood_or_refused() {
    let url = login_url("https://kite.zerodha.com/connect/login", "a&b");
    assert_eq!(url, "https://kite.zerodha.com/connect/login?v=3&api_key=a%26b");
    for pasted in [
        "tOkEn123",
        "  tOkEn123\n",
        "https://127.0.0.1/?request_token=tOkEn123&action=login&status=success",
        "\"http://x/y?status=success&request_token=tOkEn123#end\"",
        "request_token=tOkEn123&status=success",
        "http://x/?request_token=tOkEn123",
    ] {
        assert_eq!(request_token(pasted).unwrap().expose_secret(), "tOkEn123", "{pasted}");
    }
    for (pasted, expected) in [
        ("  ", LoginError::Nothing),
        ("http://x/?status=error&request_token=tOkEn123", LoginError::Status("error".into())),
        ("http://x/?status=%1b[2J", LoginError::Status("?".into())),
        ("http://x/y", LoginError::NoToken),
        ("two words", LoginError::Unfit),
        ("http://x/?request_token=", LoginError::Unfit),
        ("http://x/?request_token=a%20b", LoginError::Unfit),
    ] {
        assert_eq!(request_token(pasted).unwrap_err(), expected, "{pasted}");
    }
}

#[test]
fn the_checksum_is_the_simulators() {
    let theirs = barkeep_sim::kite::orders::session_checksum("key", "request", "secret");
    assert_eq!(checksum("key", "request", "secret"), theirs);
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = request_token(&text);
        let (_folder, path) = file(&text, 0o600);
        let _ = (read(&path), Credentials::from_file(&path));
        std::fs::write(&path, bytes).unwrap();
        let _ = (read(&path), Credentials::from_file(&path));
    }
}
