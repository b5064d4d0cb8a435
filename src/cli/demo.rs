//! `daybit demo`: real invoices in, a report of growth and revenue out.

#[cfg(feature = "server")]
use super::args::ServeArgs;
use super::args::{DemoArgs, Format};
use super::failure::Failure;
use super::load::{load, receipt_words};
use super::output::{print, say};
use daybit::{Bucket, Db, ImportOptions, Measure, Options, Query, Source};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The Online Retail data set, in the binary so that the demo needs nothing beside it.
static INVOICES: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/online-retail.csv.gz"));

const ABOUT: &str = "Invoice lines of a UK gift shop, December 2010 to December 2011\n\
    (Online Retail, D. Chen, UCI Machine Learning Repository; CC0 as shipped by CRAN onlineretail).\n";

/// Makes the demo's database, loads it, and prints the report.
pub fn demo(args: &DemoArgs) -> Result<u8, Failure> {
    let path = args.db.clone().unwrap_or_else(temporary);
    let db = Db::create(&path, Options::new())?;
    say(ABOUT)?;
    let source = Source::reader("online-retail.csv.gz", Box::new(Cursor::new(INVOICES)));
    let receipt = load(&db, &ImportOptions::new(), vec![source])?;
    say(&receipt_words(&receipt, Path::new("")))?;
    #[cfg(feature = "server")]
    if args.serve {
        let flags = ServeArgs { listen: args.listen, ..ServeArgs::of(&path) };
        return super::server::command::serve_opened(db, &flags);
    }
    for (title, query) in chapters() {
        say(&format!("\n{title}\n"))?;
        print(&db.query(&query)?, &query, Format::Table)?;
    }
    db.close()?;
    let path = path.display();
    say(&format!(
        "\nThe database is {path}; ask it more:\n  \
         daybit active {path} --trailing 28 --from -90d\n  \
         daybit retention {path} --by week --columns 8 --start purchase\n  \
         daybit info {path}\n"
    ))?;
    Ok(0)
}

/// The report, chapter by chapter.
fn chapters() -> Vec<(&'static str, Query)> {
    vec![
        ("Daily actives, the last two weeks", Query::active("*").from("-14d")),
        ("Weekly actives, the last quarter", Query::active("*").by(Bucket::Week).from("-12w")),
        ("Monthly actives", Query::active("*").by(Bucket::Month)),
        (
            "Weekly growth accounting, the last quarter: who is new, who stayed, who came back, who left",
            Query::growth("*").by(Bucket::Week).from("-12w"),
        ),
        (
            "Stickiness: mean daily actives over monthly actives",
            Query::stickiness("*").by(Bucket::Month).trailing(None),
        ),
        (
            "Monthly retention: how many of each month's new customers came back",
            Query::retention("*").by(Bucket::Month),
        ),
        (
            "Monthly revenue of the countries that pay most",
            Query::value("purchase", Measure::Sum)
                .property("value")
                .by(Bucket::Month)
                .breakdown(["country"])
                .top(4),
        ),
    ]
}

/// A new folder's name in the system's temporary place.
fn temporary() -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    std::env::temp_dir().join(format!("daybit-demo-{}", since.as_millis()))
}
