#![allow(clippy::unwrap_used)]
use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    Tokens::read(folder).unwrap().0.iter().map(|token| token.name.clone()).collect()
}

/// Writes these lines and reads them back.
fn read(lines: &str) -> Result<Tokens, String> {
    let folder = folder();
    fs::write(folder.path().join(FILE), lines).unwrap();
    Tokens::read(folder.path()).map_err(|error| error.to_string())
}

#[test]
fn base64_is_that_of_rfc_4648() {
    let pairs = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")];
    for (text, expected) in pairs {
        assert_eq!(base64url(text.as_bytes()), expected);
    }
    assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
}

#[test]
fn a_secret_is_found_by_itself_alone() {
    let folder = folder();
    let secrets: Vec<String> = (0..5)
        .map(|n| Tokens::create(folder.path(), &n.to_string(), &[Scope::Read]).unwrap())
        .collect();
    let tokens = Tokens::read(folder.path()).unwrap();
    for (n, secret) in secrets.iter().enumerate() {
        assert_eq!((secret.len(), &secret[..7]), (50, "daybit_"));
        assert_eq!(tokens.find(secret.as_bytes()).unwrap().name, n.to_string());
        assert_eq!(tokens.find(&secret.as_bytes()[1..]), None);
        let other = secret.replace(['A', 'b', 'c', '0', 'x', 'Y', '-', 'q', 'E', 'z'], "_");
        assert!(other == *secret || tokens.find(other.as_bytes()).is_none());
    }
    assert_eq!(tokens.find(b""), None);
    let file = fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(secrets.iter().all(|secret| !file.contains(&secret[7..])), "{file}");
}

#[test]
fn the_file_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    fs::write(folder.path().join("tokens.tmp"), "left by a crash").unwrap();
    Tokens::create(folder.path(), "ci", &[Scope::Write]).unwrap();
    let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!folder.path().join("tokens.tmp").exists());
}

#[test]
fn names_are_taken_once_and_revoked_once() {
    let folder = folder();
    let create = |name: &str| Tokens::create(folder.path(), name, &[Scope::Read]);
    create("a").unwrap();
    create("b").unwrap();
    assert!(create("a").unwrap_err().to_string().contains("already"));
    assert!(create("").is_err());
    assert!(create("a\nb").is_err());
    create(&"x".repeat(100)).unwrap();
    assert!(create(&"x".repeat(101)).is_err());
    Tokens::revoke(folder.path(), "a").unwrap();
    assert!(Tokens::revoke(folder.path(), "a").is_err());
    assert_eq!(names(folder.path()), ["b".to_string(), "x".repeat(100)]);
}

#[test]
fn there_are_at_most_ten_thousand() {
    let folder = folder();
    let token = |n: usize| Token {
        name: n.to_string(),
        scopes: vec![Scope::Read],
        created: "2024-03-01T00:00:00Z".to_string(),
        sha256: [7; 32],
    };
    Tokens((1..TOKENS_MAX).map(token).collect()).write(folder.path()).unwrap();
    Tokens::create(folder.path(), "last", &[Scope::Read]).unwrap();
    let refused = Tokens::create(folder.path(), "more", &[Scope::Read]).unwrap_err();
    assert!(refused.to_string().contains("10000 tokens"), "{refused}");
    Tokens((0..=TOKENS_MAX).map(token).collect()).write(folder.path()).unwrap();
    let refused = Tokens::read(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("line 10001"), "{refused}");
}

#[test]
fn damage_names_its_line() {
    let good = format!(
        "{{\"name\":\"a\",\"scopes\":[\"read\"],\"created\":\"c\",\"sha256\":\"{}\"}}\n",
        "0f".repeat(32)
    );
    assert_eq!(read(&good).unwrap().0.len(), 1);
    for damaged in [
        "x".to_string(),
        String::new() + "\n",
        good.replace("read", "admin"),
        good.replace("\"read\"", ""),
        good.replace("\"a\"", "\"\""),
        good.replace("0f0f", "0f0g"),
        good.replace("0f0f", "0f"),
        good.replace("\"created\"", "\"made\""),
        good[..good.len() - 3].to_string(),
    ] {
        let refused = read(&format!("{good}{damaged}")).unwrap_err();
        assert!(refused.contains("tokens is damaged at line 2: "), "{refused}");
    }
    let long = read(&" ".repeat(FILE_BYTES_MAX as usize + 1)).unwrap_err();
    assert!(long.contains("more than 10240000 bytes"), "{long}");
}

#[test]
fn what_is_served_follows_the_file() {
    let folder = folder();
    let keeper = Keeper::open(folder.path()).unwrap();
    assert!(!keeper.asked_for());
    let secret = Tokens::create(folder.path(), "a", &[Scope::Read]).unwrap();
    assert!(keeper.look().find(secret.as_bytes()).is_some());
    assert!(keeper.asked_for());
    let file = folder.path().join(FILE);
    let text = fs::read(&file).unwrap();
    fs::write(&file, "damaged").unwrap();
    assert!(keeper.look().find(secret.as_bytes()).is_some(), "the old ones stay");
    fs::write(&file, text).unwrap();
    Tokens::revoke(folder.path(), "a").unwrap();
    assert!(keeper.look().find(secret.as_bytes()).is_none());
    fs::remove_file(&file).unwrap();
    assert!(keeper.look().all().is_empty());
    assert!(keeper.asked_for(), "nobody is let in because a file is gone");
    assert!(Keeper::open(&folder.path().join("nowhere")).unwrap().look().all().is_empty());
}
