//! Bearer tokens: who may ask, and who may send. The database's folder keeps a hash of each; the
//! secret itself is shown once, when it is made.

use crate::failure::Failure;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The file's name in the database's folder. Nothing else of daybit reads it, and no backup.
const FILE: &str = "tokens";
/// Tokens of a database.
const TOKENS_MAX: usize = 10_000;
/// Bytes of a token's name.
const NAME_BYTES_MAX: usize = 100;
/// Bytes of the file: a line is shorter than a KiB.
const FILE_BYTES_MAX: u64 = TOKENS_MAX as u64 * 1_024;
/// What every secret begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "daybit_";
/// How often the file is looked at while it is served from.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Read,
    Write,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// RFC 3339.
    pub created: String,
    #[serde(with = "hex")]
    sha256: [u8; 32],
}

impl Scope {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
        }
    }
}

/// The tokens of a database, as they were when its file was read.
#[derive(Debug, Default)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// Reads the file of a database. One that is not there holds none.
    pub fn read(folder: &Path) -> Result<Tokens, Failure> {
        let path = folder.join(FILE);
        let mut text = String::new();
        match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Tokens::default()),
            Err(e) => return Err(told("cannot open", &path, &e)),
            Ok(file) => file
                .take(FILE_BYTES_MAX + 1)
                .read_to_string(&mut text)
                .map_err(|e| told("cannot read", &path, &e))?,
        };
        if text.len() as u64 > FILE_BYTES_MAX {
            let message = format!("{} has more than {FILE_BYTES_MAX} bytes", path.display());
            return Err(Failure::input(message));
        }
        parse(&path, &text)
    }

    /// Which of them has this secret? All of them are looked at, whichever it is, and as long.
    pub fn find(&self, secret: &[u8]) -> Option<&Token> {
        let digest = digest(secret);
        let mut found = 0_u64;
        for (place, token) in (1..).zip(&self.0) {
            found.conditional_assign(&place, token.sha256.ct_eq(&digest));
        }
        self.0.get(usize::try_from(found.checked_sub(1)?).ok()?)
    }

    /// All of them, in the order in which they were made.
    pub fn all(&self) -> &[Token] {
        &self.0
    }

    /// Makes a token and returns its secret, which nothing remembers.
    pub fn create(folder: &Path, name: &str, scopes: &[Scope]) -> Result<String, Failure> {
        check_name(name)?;
        let _alone = lock(folder)?;
        let mut tokens = Tokens::read(folder)?;
        if tokens.0.iter().any(|token| token.name == name) {
            let message = format!("there is a token {name:?} already: revoke it, or name another");
            return Err(Failure::input(message));
        }
        if tokens.0.len() >= TOKENS_MAX {
            let message =
                format!("there are {TOKENS_MAX} tokens, the most there may be: revoke some");
            return Err(Failure::input(message));
        }
        let secret = secret()?;
        let sha256 = digest(secret.as_bytes());
        let created = DateTime::<Utc>::from(SystemTime::now());
        let created = created.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let scopes = scopes.to_vec();
        tokens.0.push(Token { name: name.to_owned(), scopes, created, sha256 });
        tokens.write(folder)?;
        Ok(secret)
    }

    /// Forgets a token. The file stays when it was the last, and with it the rule that who asks
    /// needs one.
    pub fn revoke(folder: &Path, name: &str) -> Result<(), Failure> {
        let _alone = lock(folder)?;
        let mut tokens = Tokens::read(folder)?;
        let before = tokens.0.len();
        tokens.0.retain(|token| token.name != name);
        if tokens.0.len() == before {
            return Err(Failure::input(format!("there is no token {name:?}")));
        }
        tokens.write(folder)
    }

    /// Writes the whole file anew, so that a crash leaves the old one or this one.
    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let mut text = String::new();
        for token in &self.0 {
            text.push_str(&serde_json::to_string(token).map_err(io::Error::other)?);
            text.push('\n');
        }
        let (path, new) = (folder.join(FILE), folder.join(format!("{FILE}.tmp")));
        write_new(&new, &text).map_err(|e| told("cannot write", &new, &e))?;
        fs::rename(&new, &path).map_err(|e| told("cannot replace", &path, &e))?;
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|e| told("cannot sync", folder, &e))
    }
}

/// A file that its owner alone reads, durable.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Two commands at once would each forget what the other one did.
fn lock(folder: &Path) -> Result<File, Failure> {
    let locked = File::open(folder).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|e| told("cannot lock", folder, &e))
}

fn told(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Io(io::Error::new(error.kind(), format!("{what} {}: {error}", path.display())))
}

fn parse(path: &Path, text: &str) -> Result<Tokens, Failure> {
    let wrong = |line: usize, what: &str| {
        Failure::input(format!(
            "{} is damaged at line {line}: {what}; remove that line, and make its token anew with \
             `daybit token create`",
            path.display()
        ))
    };
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let token = serde_json::from_str(line).map_err(|e| wrong(number, &e.to_string()))?;
        let Token { name, scopes, .. } = &token;
        if check_name(name).is_err() || scopes.is_empty() {
            return Err(wrong(number, "its name or its scopes are none"));
        }
        tokens.push(token);
        if tokens.len() > TOKENS_MAX {
            return Err(wrong(number, &format!("more than {TOKENS_MAX} tokens")));
        }
    }
    Ok(Tokens(tokens))
}

fn check_name(name: &str) -> Result<(), Failure> {
    match name.len() {
        1..=NAME_BYTES_MAX if !name.chars().any(char::is_control) => Ok(()),
        _ => Err(Failure::input(format!(
            "the name {name:?} is not one: 1 to {NAME_BYTES_MAX} bytes without control characters"
        ))),
    }
}

/// 256 random bits as text that survives a shell, an address and a header.
fn secret() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| Failure::Io(io::Error::other(format!("the system has no randomness: {e}"))))?;
    Ok(PREFIX.to_owned() + &base64url(&bytes))
}

/// Base64 in the alphabet of addresses, without padding.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let at = |place: usize| u32::from(part.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..=part.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(DIGITS.get(index as usize).map_or('A', |digit| char::from(*digit)));
        }
    }
    text
}

fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// 32 bytes as 64 digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).ok_or_else(|| de::Error::custom("sha256 is not 64 hexadecimal digits"))
    }

    fn read(text: &str) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |of: &u8| char::from(*of).to_digit(16).and_then(|d| u8::try_from(d).ok());
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(bytes)
    }
}

/// The tokens of a database that is served, read anew when their file changes: a revoked one is
/// refused from then on.
#[derive(Debug)]
pub struct Keeper {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    tokens: Arc<Tokens>,
    stamp: Stamp,
    looked: Instant,
    /// The file was there once: whoever asks needs a token, also when it is gone.
    asked_for: bool,
}

/// What changes with every writing of the file; none where it is not there.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Keeper {
    /// Reads the tokens; damage is an error.
    pub fn open(folder: &Path) -> Result<Keeper, Failure> {
        let stamp = stamp(folder);
        let tokens = Arc::new(Tokens::read(folder)?);
        let (looked, asked_for) = (Instant::now(), stamp.is_some());
        let kept = Mutex::new(Kept { tokens, stamp, looked, asked_for });
        Ok(Keeper { folder: folder.to_path_buf(), kept })
    }

    /// Has the database a file of tokens, or had it one?
    pub fn asked_for(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).asked_for
    }

    /// The tokens; `None` when it is time to `look` at the file.
    pub fn fresh(&self) -> Option<Arc<Tokens>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.looked.elapsed() < LOOK_EVERY).then(|| kept.tokens.clone())
    }

    /// Looks at the file, and reads it where it changed. One that cannot be read changes nothing:
    /// who was let in before is let in until it can be.
    pub fn look(&self) -> Arc<Tokens> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.folder);
        kept.looked = Instant::now();
        if stamp != kept.stamp {
            match Tokens::read(&self.folder) {
                Ok(tokens) => {
                    kept.tokens = Arc::new(tokens);
                    kept.asked_for |= stamp.is_some();
                    kept.stamp = stamp;
                }
                Err(error) => tracing::warn!(%error, "the tokens stay as they were"),
            }
        }
        kept.tokens.clone()
    }
}

fn stamp(folder: &Path) -> Stamp {
    let metadata = fs::metadata(folder.join(FILE)).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, metadata.len(), number))
}

#[cfg(test)]
mod tests;
