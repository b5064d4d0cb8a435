//! An import that was applied before: what its receipt says.

use super::{HEADER, source};
use crate::{Db, ImportOptions, ImportReceipt, Options, Source};

fn database() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::create(dir.path().join("db"), Options::new()).unwrap();
    (dir, db)
}

fn send(db: &Db, options: &ImportOptions, from: Source) -> ImportReceipt {
    db.import(options, vec![from], &|_| {}).unwrap()
}

/// Lines and reasons of the rows that the receipt shows.
fn told(receipt: &ImportReceipt) -> Vec<(u64, String)> {
    let rows = receipt.first_rejects.iter();
    rows.map(|row| (row.line, row.reason.clone())).collect()
}

/// A good row, some that are refused wherever they come, and one of each of these people.
fn rows(refused: usize, people: &[&str]) -> String {
    let bad: String = (0..refused).map(|n| format!("b,v,day {n},1\n")).collect();
    let of = |id: &&str| format!("{id},v,2024-01-02,1\n");
    format!("{HEADER}a,v,2024-01-01,1\n{bad}{}", people.iter().map(of).collect::<String>())
}

#[test]
fn the_reasons_of_rejected_rows_are_told_again() {
    let (_dir, db) = database();
    let text = rows(30, &["b"]);
    for options in [ImportOptions::new(), ImportOptions::new().batch_id("x").threads(3)] {
        let first = send(&db, &options, source("events.csv", &text));
        assert_eq!((first.rejected, first.first_rejects.len(), first.repeated), (30, 20, false));
        let again = send(&db, &options, source("again.csv", &text));
        assert_eq!((again.accepted, again.rejected, again.repeated), (2, 30, true));
        assert_eq!(told(&again), told(&first));
        assert_eq!(again.first_rejects[0].source, "again.csv");
        assert_eq!((again.days, again.new_users), (0, 0), "these are not kept");
    }
}

#[test]
fn what_was_not_rejected_then_has_no_reason_now() {
    let (_dir, db) = database();
    let options = ImportOptions::new().batch_id("x");
    assert_eq!(send(&db, &options, source("a.csv", rows(2, &[]))).rejected, 2);
    // The id says what a repeat is, whatever comes with it.
    for other in [rows(1, &[]), rows(3, &[]), "a,b\n".to_string(), String::new()] {
        let again = send(&db, &options, source("a.csv", &other));
        assert_eq!((again.accepted, again.rejected, again.repeated), (1, 2, true), "{other}");
        assert!(again.first_rejects.is_empty(), "{other}: {again:?}");
    }
    // Nothing is imported, so nothing of it is an error.
    let strict = options.strict(true);
    assert_eq!(told(&send(&db, &strict, source("a.csv", rows(2, &[])))).len(), 2);
}

#[test]
fn people_erased_before_are_told_and_those_erased_since_are_not() {
    let (_dir, db) = database();
    let writer = db.writer().unwrap();
    writer.write_batch(crate::Batch::new().event(crate::Event::new("anna", "v"))).unwrap();
    db.erase(["anna"]).unwrap();
    for options in [ImportOptions::new(), ImportOptions::new().batch_id("x")] {
        let text = rows(1, &["anna", "ben", "anna"]);
        let first = send(&db, &options, source("a.csv", &text));
        assert_eq!((first.accepted, first.rejected), (2, 3));
        let again = told(&send(&db, &options, source("a.csv", &text)));
        assert_eq!(again, told(&first));
        assert_eq!(again[1..], [(0, "erased".to_string()), (0, "erased".to_string())]);
    }
    let options = ImportOptions::new().batch_id("y");
    let text = rows(1, &["ben"]);
    let first = send(&db, &options, source("a.csv", &text));
    db.erase(["ben"]).unwrap();
    assert_eq!(told(&send(&db, &options, source("a.csv", &text))), told(&first));
}

#[cfg(feature = "parquet")]
#[test]
fn people_erased_before_are_told_of_tables_too() {
    use arrow_array::{ArrayRef, StringArray};
    let (_dir, db) = database();
    let writer = db.writer().unwrap();
    writer.write_batch(crate::Batch::new().event(crate::Event::new("anna", "v"))).unwrap();
    db.erase(["anna"]).unwrap();
    let texts = |values: [&'static str; 4]| -> ArrayRef {
        std::sync::Arc::new(StringArray::from(values.to_vec()))
    };
    let bytes = super::table::parquet(vec![
        ("user", texts(["anna", "ben", "anna", "carla"])),
        ("activity", texts(["v"; 4])),
        ("time", texts(["2024-01-01", "2024-01-01", "2024-01-02", "never"])),
    ]);
    let options = ImportOptions::new().batch_id("x");
    let first = send(&db, &options, source("a.parquet", &bytes));
    assert_eq!((first.accepted, first.rejected), (1, 3));
    let again = told(&send(&db, &options, source("a.parquet", &bytes)));
    assert_eq!((again.len(), again), (3, told(&first)));
}
