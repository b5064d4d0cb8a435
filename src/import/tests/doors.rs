//! A line means the same whichever way it comes in: in a file, or as an event from JSON.

use super::*;
use crate::write::Batch;
use proptest::prelude::*;

/// A text as JSON writes it.
fn text() -> impl Strategy<Value = String> {
    "[a-c\u{e9}\"\\\\\n]{0,5}".prop_map(|text| serde_json::to_string(&text).unwrap())
}

/// Any value, good or not.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "-?(0|[1-9][0-9]{0,39})(\\.[0-9]{1,5})?",
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,5})?[eE][-+]?[0-9]{1,3}",
        "true|false|null|\"\"|nul|01|\"\\\\ud800\"",
        "\\[\\]|\\[1, \"\\]\"\\]|\\{\"a\": \\{\\}, \"a\": 1\\}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let user = prop_oneof![text(), "[0-9]{1,20}", "null|true|1\\.5|\\[\\]"];
    let activity = prop_oneof![text(), "\"[ab]\"", "[0-9]|1\\.0"];
    let time = prop_oneof![
        "\"2024-(02|03)-[0-3][0-9]([ T][0-2][0-9]:[0-5]0(:[0-6]0(\\.[0-9]{1,8})?)?(Z|\\+0[0-9]:00)?)?\"",
        "17[0-9]{8}|17[0-9]{11}|\"17[0-9]{14}\"",
        "[0-9]{1,6}|\"\"|true",
    ];
    let properties = prop::collection::vec(("[p-s]", value()), 0..4);
    (user, activity, time, properties).prop_map(|(user, activity, time, properties)| {
        let properties = properties.iter().map(|(name, value)| format!(", \"{name}\": {value}"));
        format!(
            "{{\"user\": {user}, \"activity\": {activity}, \"time\": {time}{}}}\n",
            properties.collect::<String>()
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lines_mean_the_same_at_both_doors(lines in prop::collection::vec(line(), 1..40)) {
        let good = "{\"user\": \"u\", \"activity\": \"a\", \"time\": \"2024-03-31 02:30\"}\n";
        let (file, one_by_one) = (database("Europe/Berlin"), database("Europe/Berlin"));
        let all = lines.concat() + good;
        let source = source("events.ndjson", &all);
        let imported = file.import_all(&ImportOptions::new(), vec![source]).unwrap();
        let writer = Writer::new(Arc::clone(&one_by_one.core));
        let read = all.lines().map(|line| writer.event_from_json(line));
        let (events, refused): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        let receipt = writer.write_batch(Batch::new().events(events.into_iter().flatten())).unwrap();
        one_by_one.core.flush().unwrap();
        prop_assert_eq!(refused.len() as u64 + receipt.rejected.len() as u64, imported.rejected);
        prop_assert_eq!(one_by_one.rows(), file.rows());
    }
}
