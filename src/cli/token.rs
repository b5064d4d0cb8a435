//! Tokens of a database that is served: `daybit token create`, `list` and `revoke`.

use super::args::{TokenArgs, TokenWhat};
use super::failure::Failure;
use super::output::{complain, say};
use super::server::tokens::{Scope, Token, Tokens};
use super::table::visible;
use daybit::Db;
use serde_json::json;
use std::path::Path;

/// Answers one of them. A server that serves the database follows within a second.
pub fn token(args: &TokenArgs) -> Result<u8, Failure> {
    match &args.what {
        TokenWhat::Create { db, name, scope } => {
            check_is_database(db)?;
            let secret = Tokens::create(db, name, &scopes(scope)?)?;
            complain("keep this token: it is shown once, and only its hash is stored");
            say(&format!("{secret}\n"))?;
        }
        TokenWhat::List { db, json } => {
            check_is_database(db)?;
            let tokens = Tokens::read(db)?;
            say(&if *json { list_json(tokens.all()) } else { list_words(tokens.all()) })?;
        }
        TokenWhat::Revoke { db, name } => {
            check_is_database(db)?;
            Tokens::revoke(db, name)?;
            say(&format!("Revoked {}.\n", visible(name)))?;
        }
    }
    Ok(0)
}

/// Looks at it as a reader does, also while another process writes.
fn check_is_database(path: &Path) -> Result<(), Failure> {
    Db::open_read_only(path)?.close()?;
    Ok(())
}

fn scopes(text: &str) -> Result<Vec<Scope>, Failure> {
    let scope = |name: &str| match name {
        "read" => Ok(Scope::Read),
        "write" => Ok(Scope::Write),
        _ => {
            let message = format!("--scope {text:?} is not known: use read, write or read,write");
            Err(Failure::input(message))
        }
    };
    let mut scopes = Vec::new();
    for name in text.split(',') {
        let scope = scope(name)?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

fn names(token: &Token) -> Vec<&'static str> {
    token.scopes.iter().map(|scope| scope.name()).collect()
}

/// A line per token.
fn list_words(tokens: &[Token]) -> String {
    let width = tokens.iter().map(|t| visible(&t.name).chars().count()).max().unwrap_or_default();
    let line = |token: &Token| {
        let (name, scopes) = (visible(&token.name), names(token).join(","));
        format!("{name:<width$}  {scopes:<10}  {}\n", visible(&token.created))
    };
    tokens.iter().map(line).collect()
}

/// An array of `{"name", "scopes", "created"}`.
fn list_json(tokens: &[Token]) -> String {
    let token = |token: &Token| json!({"name": token.name, "scopes": names(token), "created": token.created});
    let tokens: Vec<_> = tokens.iter().map(token).collect();
    format!("{}\n", json!(tokens))
}
