//! Years of history from files, then every question in one call.
//!
//!     cargo run --example backfill

#![allow(clippy::print_stdout)]

use daybit::{Bucket, Db, ImportOptions, Options, Query, Source};

fn main() -> daybit::Result<()> {
    let folder = std::env::temp_dir().join(format!("daybit-backfill-{}", std::process::id()));
    let db = Db::create(&folder, Options::new())?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/online-retail.csv.gz");
    let receipt = db.import(&ImportOptions::new(), vec![Source::file(file)], &|_| {})?;
    println!("{} events of {} new users", receipt.accepted, receipt.new_users);

    // Several queries share one scan of the data.
    let queries = [
        Query::active("purchase").by(Bucket::Month),
        Query::growth("purchase").by(Bucket::Month),
        Query::retention("purchase").by(Bucket::Month).columns(6),
    ];
    for answer in db.query_many(&queries)? {
        let answer = answer?;
        println!("{}: {} rows", answer.report, answer.to_table().rows.len());
    }
    db.close()?;
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
