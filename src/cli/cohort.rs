//! Saved cohorts: `daybit cohort save`, `list` and `drop`.

use super::args::{CohortArgs, CohortWhat};
use super::ask::standard_input;
use super::failure::Failure;
use super::output::say;
use super::selector::set;
use super::table::visible;
use daybit::{Db, Options, Set};
use serde_json::json;

/// Answers one of them.
pub fn cohort(args: &CohortArgs) -> Result<u8, Failure> {
    match &args.what {
        CohortWhat::Save { db, name, users } => {
            let text = if users == "-" { standard_input()? } else { users.clone() };
            let set = Set::from_json(&set("the set", &text)?.to_string())?;
            let db = Db::open(db, Options::new())?;
            db.save_cohort(name, &set)?;
            db.close()?;
            say(&format!("Saved: --users @{}\n", visible(name)))?;
        }
        CohortWhat::List { db, json } => {
            let cohorts = Db::open_read_only(db)?.cohorts()?;
            say(&if *json { list_json(&cohorts) } else { list_words(&cohorts) })?;
        }
        CohortWhat::Drop { db, name } => {
            let db = Db::open(db, Options::new())?;
            db.drop_cohort(name)?;
            db.close()?;
            say(&format!("Dropped {}.\n", visible(name)))?;
        }
    }
    Ok(0)
}

/// A line per cohort, the sets under each other.
fn list_words(cohorts: &[(String, Set)]) -> String {
    let names: Vec<String> = cohorts.iter().map(|(name, _)| visible(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let line = |(name, (_, set)): (&String, &(String, Set))| {
        format!("{name:<width$}  {}\n", visible(&set.to_json().to_string()))
    };
    names.iter().zip(cohorts).map(line).collect()
}

/// An array of `{"name", "users"}`.
fn list_json(cohorts: &[(String, Set)]) -> String {
    let cohorts: Vec<_> =
        cohorts.iter().map(|(name, set)| json!({"name": name, "users": set.to_json()})).collect();
    format!("{}\n", json!(cohorts))
}
