//! The laws of an import, on random rows.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Event {
    user: u8,
    activity: u8,
    /// Seconds since 2024-01-01.
    time: u32,
    price: Option<i32>,
    note: Option<String>,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let note = prop::option::of("[a-c,\"\n\u{e9}]{1,6}|[0-9.]{1,5}");
    let event = (any::<u8>(), 0..4u8, 0..3_000_000u32, prop::option::of(any::<i32>()), note);
    let event = event.prop_map(|(user, activity, time, price, note)| {
        // Few times, so that many are equal.
        Event { user: user % 20, activity, time: time / 50_000 * 50_000, price, note }
    });
    prop::collection::vec(event, 0..200)
}

impl Event {
    fn user(&self) -> String {
        if self.user == 0 { String::new() } else { format!("u{}", self.user) }
    }

    fn time(&self) -> String {
        let time = chrono::DateTime::from_timestamp(1_704_067_200 + i64::from(self.time), 0);
        time.unwrap().to_rfc3339()
    }

    /// Of a decimal with two digits.
    fn price(&self) -> Option<Decimal> {
        self.price.map(|price| Decimal::new(price.into(), 2).unwrap())
    }

    fn csv(&self) -> String {
        let price = self.price().map(|price| price.to_string()).unwrap_or_default();
        let note = self.note.as_deref().unwrap_or_default().replace('"', "\"\"");
        format!("{},a{},{},{price},\"{note}\"\n", self.user(), self.activity, self.time())
    }

    fn json(&self) -> String {
        let price = self.price().map_or("null".to_string(), |price| price.to_string());
        let note = serde_json::to_string(&self.note).unwrap();
        let (user, activity, time) = (self.user(), self.activity, self.time());
        format!(
            "{{\"user\":\"{user}\",\"activity\":\"a{activity}\",\"time\":\"{time}\",\"price\":{price},\"note\":{note}}}\n"
        )
    }
}

fn options() -> ImportOptions {
    ImportOptions::new().value_type("note", ValueType::Text)
}

fn csv_of(events: &[Event]) -> String {
    let rows: String = events.iter().map(Event::csv).collect();
    format!("user,activity,time,price,note\n{rows}")
}

fn stored(options: &ImportOptions, name: &str, text: impl AsRef<[u8]>) -> Vec<Row> {
    let db = database("UTC");
    let receipt = db.import_all(options, vec![source(name, text)]).unwrap();
    assert_eq!((receipt.rejected, db.rows().len() as u64), (0, receipt.accepted));
    db.rows()
}

/// The rows as a table, in batches and row groups of a few rows.
#[cfg(feature = "parquet")]
fn parquet_of(events: &[Event]) -> Vec<u8> {
    use arrow_array::{ArrayRef, Decimal128Array, StringArray, TimestampMicrosecondArray};
    let texts = |texts: Vec<Option<String>>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let user = |event: &Event| Some(event.user()).filter(|user| !user.is_empty());
    let time = |event: &Event| (1_704_067_200 + i64::from(event.time)) * 1_000_000;
    let price = events.iter().map(|event| event.price.map(i128::from));
    let price = Decimal128Array::from_iter(price).with_precision_and_scale(38, 2).unwrap();
    let times = TimestampMicrosecondArray::from_iter_values(events.iter().map(time));
    let activity = events.iter().map(|event| Some(format!("a{}", event.activity)));
    table::parquet(vec![
        ("user", texts(events.iter().map(user).collect())),
        ("activity", texts(activity.collect())),
        ("time", Arc::new(times.with_timezone("UTC"))),
        ("price", Arc::new(price)),
        ("note", texts(events.iter().map(|event| event.note.clone()).collect())),
    ])
}

/// Days of events as a section orders them, by user in first-seen order.
fn expected(events: &[Event]) -> Vec<Row> {
    let mut seen = Vec::new();
    let mut rows: Vec<_> = events
        .iter()
        .map(|event| {
            if event.user != 0 && !seen.contains(&event.user) {
                seen.push(event.user);
            }
            let rank = seen.iter().position(|user| *user == event.user).unwrap_or(usize::MAX);
            let price = event.price().map(|price| ("price".to_string(), price.into()));
            let note = event.note.clone().map(|note| ("note".to_string(), Value::Text(note)));
            let row = Row {
                time: event.time().replace("+00:00", "Z"),
                user: (event.user != 0).then(|| event.user()),
                activity: format!("a{}", event.activity),
                properties: note.into_iter().chain(price).collect(),
            };
            ((event.time / 86_400, event.activity, rank, event.time), row)
        })
        .collect();
    rows.sort_by_key(|(key, _)| *key);
    rows.into_iter().map(|(_, row)| row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_formats_store_what_was_written(events in events()) {
        let json: String = events.iter().map(Event::json).collect();
        let expected = expected(&events);
        prop_assert_eq!(&stored(&options(), "a.csv", csv_of(&events)), &expected);
        if !events.is_empty() {
            prop_assert_eq!(&stored(&options(), "a.ndjson", &json), &expected);
        }
        #[cfg(feature = "parquet")]
        prop_assert_eq!(&stored(&options(), "a.parquet", parquet_of(&events)), &expected);
    }

    #[test]
    fn neither_threads_nor_memory_change_the_rows(events in events()) {
        let text = csv_of(&events);
        let held = stored(&options().threads(1), "a.csv", &text);
        prop_assert_eq!(&stored(&options().threads(5), "a.csv", &text), &held);
        // Days in many parts: the rows are the same, each part in its order.
        let sorted = |mut rows: Vec<Row>| {
            rows.sort_by_key(|row| format!("{row:?}"));
            rows
        };
        let spilled = stored(&options().memory_bytes(2_000).threads(3), "a.csv", &text);
        prop_assert_eq!(sorted(spilled), sorted(held.clone()));
        #[cfg(feature = "parquet")]
        for memory in [2_000, 20_000, 100_000] {
            let tight = options().memory_bytes(memory).threads(2);
            prop_assert_eq!(sorted(stored(&tight, "a.parquet", parquet_of(&events))), sorted(held.clone()));
        }
    }
}

#[test]
fn duplicates_are_found_across_the_parts_of_a_day() {
    let rows: String = (0..4_000)
        .map(|i| format!("u{},v,2024-01-01T00:00:0{}Z,id{}\n", i, i % 10, i % 1_500))
        .collect();
    let text = format!("{HEADER}{rows}");
    for (memory, threads) in [(1 << 20, 1), (4_000, 1), (4_000, 4)] {
        let db = database("UTC");
        let options = ImportOptions::new().insert_id("value").memory_bytes(memory).threads(threads);
        let receipt = db.import(&options, &text).unwrap();
        assert_eq!((receipt.accepted, receipt.duplicates), (1_500, 2_500));
        // The first of each id stays.
        let mut users: Vec<u32> =
            db.rows().iter().map(|row| row.user.as_ref().unwrap()[1..].parse().unwrap()).collect();
        users.sort_unstable();
        assert_eq!(users, (0..1_500).collect::<Vec<_>>());
    }
}
