//! daybit inside an application: write events as they happen, ask while writing.
//!
//!     cargo run --example embed

#![allow(clippy::print_stdout)]

use daybit::{Bucket, Db, Event, Options, Query, Set};

fn main() -> daybit::Result<()> {
    let folder = std::env::temp_dir().join(format!("daybit-embed-{}", std::process::id()));
    let db = Db::create(&folder, Options::new().time_zone("Europe/Berlin"))?;
    let writer = db.writer()?;
    for (user, activity) in [("anna", "signup"), ("ben", "signup"), ("anna", "purchase")] {
        // Without a time the writer takes now; the insert id makes a retry harmless.
        let id = format!("{user}-{activity}");
        let receipt = writer.write(Event::new(user, activity).insert_id(id))?;
        assert_eq!(receipt.accepted, 1);
    }
    let buyers = Set::did("purchase");
    let today = db.query(&Query::active("*").by(Bucket::Day).only(buyers))?;
    println!("{}", today.to_json_string());
    db.close()?;
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
