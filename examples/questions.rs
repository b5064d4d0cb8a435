//! What people did: a funnel, revenue by country, and a set of users with a name.
//!
//!     cargo run --example questions

#![allow(clippy::print_stdout)]

use daybit::{Batch, Bucket, Condition, Db, Event, Measure, Options, Query, Selector, Set, Value};

fn main() -> daybit::Result<()> {
    let folder = std::env::temp_dir().join(format!("daybit-questions-{}", std::process::id()));
    let db = Db::create(&folder, Options::new())?;
    let (dear, cheap) = (Value::Decimal("12.50".parse()?), Value::Decimal("7.25".parse()?));
    let event = |user: &str, activity: &str, minute: u32, country: &str| {
        let at = format!("2024-03-01T09:{minute:02}:00Z").parse().unwrap_or_default();
        Event::new(user, activity).at(at).with("country", country)
    };
    db.writer()?.write_batch(Batch::new().events([
        event("anna", "search", 0, "DE"),
        event("anna", "add", 4, "DE"),
        event("anna", "purchase", 9, "DE").with("price", dear),
        event("ben", "search", 10, "FR"),
        event("ben", "add", 30, "FR"),
        event("cleo", "purchase", 40, "FR").with("price", cheap),
    ]))?;

    let funnel = db.query(&Query::funnel(["search", "add", "purchase"]).within("1d"))?;
    print!("{}", funnel.to_table().to_json_lines());

    let revenue = Query::value("purchase", Measure::Sum).property("price").by(Bucket::Month);
    let revenue = db.query(&revenue.breakdown(["country"]))?;
    print!("{}", revenue.to_table().to_json_lines());

    // A cohort is a question: whoever fits when it is asked is in it.
    let dear = Selector::name("purchase").matching([Condition::gte("price", 10)]);
    db.save_cohort("spenders", &Set::did(dear))?;
    let spenders = db.query(&Query::count(Set::cohort("spenders")))?;
    assert_eq!(spenders.count(), Some(1));
    db.close()?;
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
