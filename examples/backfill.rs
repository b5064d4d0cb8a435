//! Years of history from files, then every figure of every segment in one call.
//!
//!     cargo run --example backfill

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::IsTerminal;

use daybit::{
    Bucket, Condition, Db, ImportOptions, Measure, Options, Query, Selector, Set, Source,
};

/// What is asked of each segment.
fn figures(event: &Selector) -> [Query; 4] {
    [
        Query::active(event.clone()).by(Bucket::Month),
        Query::growth(event.clone()).by(Bucket::Month),
        Query::retention(event.clone()).by(Bucket::Month).columns(6),
        Query::value(event.clone(), Measure::Sum).property("value").by(Bucket::Month),
    ]
}

fn main() -> daybit::Result<()> {
    let folder = std::env::temp_dir().join(format!("daybit-backfill-{}", std::process::id()));
    let db = Db::create(&folder, Options::new())?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/online-retail.csv.gz");
    let receipt = db.import(&ImportOptions::new(), vec![Source::file(file)], &|_| {})?;
    println!("{} events of {} new users", receipt.accepted, receipt.new_users);

    // A segment is a condition on events, or a set of users; several share one scan of the data.
    let purchase = Selector::name("purchase");
    let mut queries = Vec::new();
    for country in ["United Kingdom", "Germany", "France"] {
        let condition = Condition::is("country", country);
        queries.extend(figures(&purchase.clone().matching([condition])));
    }
    let regulars = Set::did("purchase").at_least(100);
    queries.extend(figures(&purchase).map(|query| query.only(regulars.clone())));

    let answers = db.query_many_watched(&queries, &|done, all| {
        // On a terminal one line tells how far it is; a log needs none of it.
        if std::io::stderr().is_terminal() {
            eprint!("\r{} %", 100 * done / all);
        }
        true
    })?;
    for answer in answers {
        let answer = answer?;
        println!("{}: {} rows", answer.report, answer.to_table().rows.len());
    }
    db.close()?;
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
