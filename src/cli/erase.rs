//! `daybit erase` and `daybit readmit`.

use super::args::{EraseArgs, PeopleArgs};
use super::failure::Failure;
use super::output::{complain, count, say, several};
use daybit::{Db, EraseReceipt, Options};
use serde_json::json;

/// Names of a kind that a receipt in words shows.
const NAMES_SHOWN: usize = 100;

/// `daybit erase`.
pub fn erase(args: &EraseArgs) -> Result<u8, Failure> {
    let ids = ids(&args.people)?;
    let db = Db::open(&args.people.db, Options::new())?;
    let receipt = db.erase(&ids)?;
    db.close()?;
    say(&if args.json { receipt_json(&receipt) } else { receipt_words(&receipt) })?;
    if args.people.db.join("damaged").exists() {
        complain(
            "damaged/ holds files that a repair set aside: erasing does not reach into it; remove \
             it when it is of no more use",
        );
    }
    if !receipt.waiting.is_empty() {
        complain(
            "readers hold an older snapshot: the files named as waiting are removed by the next \
             writer, once these have moved on",
        );
    }
    Ok(0)
}

/// `daybit readmit`.
pub fn readmit(args: &PeopleArgs) -> Result<u8, Failure> {
    let ids = ids(args)?;
    let db = Db::open(&args.db, Options::new())?;
    let admitted = db.readmit(&ids)?;
    db.close()?;
    say(&format!("Admitted again: {} of {}.\n", count(admitted), count(ids.len() as u64)))?;
    Ok(0)
}

/// Ids from the command line, and of a file with one in each line. The mark that some editors put
/// before a text is no part of the first.
fn ids(people: &PeopleArgs) -> Result<Vec<String>, Failure> {
    let mut ids = people.ids.clone();
    let text = match &people.ids_from {
        Some(path) if path.as_os_str() == "-" => std::io::read_to_string(std::io::stdin())?,
        Some(path) => std::fs::read_to_string(path)
            .map_err(|e| Failure::input(format!("cannot read {}: {e}", path.display())))?,
        None => String::new(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    ids.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    Ok(ids)
}

fn receipt_words(receipt: &EraseReceipt) -> String {
    let unknown = match receipt.unknown.len() {
        0 => String::new(),
        unknown => {
            format!("; {} unknown, whose events are refused from now on", count(unknown as u64))
        }
    };
    let mut words = format!(
        "Erased {} with {}{unknown}.\n",
        match receipt.erased {
            1 => "1 person".to_string(),
            erased => count(erased) + " people",
        },
        several(receipt.events, "event")
    );
    for (what, names) in [
        ("unknown", &receipt.unknown),
        ("cohort changed", &receipt.cohorts),
        ("written", &receipt.written),
        ("replaced", &receipt.replaced),
        ("waiting", &receipt.waiting),
    ] {
        let line = |name: &String| format!("{what:<14} {}\n", name.escape_debug());
        words.extend(names.iter().take(NAMES_SHOWN).map(line));
        if let Some(more) = names.len().checked_sub(NAMES_SHOWN).filter(|more| *more > 0) {
            words.push_str(&format!("{what:<14} and {more} more: --json has all\n"));
        }
    }
    words.push_str(
        "Rejects files, backups and what was exported lie outside of the database: look there too.\n",
    );
    words
}

fn receipt_json(receipt: &EraseReceipt) -> String {
    let receipt = json!({
        "erased": receipt.erased,
        "unknown": receipt.unknown,
        "events": receipt.events,
        "cohorts": receipt.cohorts,
        "written": receipt.written,
        "replaced": receipt.replaced,
        "waiting": receipt.waiting,
    });
    format!("{receipt}\n")
}
