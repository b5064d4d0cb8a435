#![allow(clippy::unwrap_used)]

use super::*;
use crate::query::render::tests::{answer, cohorts, decimal, funnel};
use std::collections::BTreeMap;

fn lines(answer: &Answer) -> String {
    let table = answer.to_table();
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{table:?}");
    table.columns.join(" ") + "\n" + &table.to_json_lines()
}

#[test]
fn buckets_are_rows_and_classes_are_columns() {
    let figures = Figures::Columns(vec![
        ("users", Column::Counts(vec![Some(5), None])),
        ("sum", Column::Amounts(vec![Some(decimal("12.50")), Some(Value::from(3))])),
        ("durations", Column::Classes(vec![vec![Some(1), Some(2)], vec![Some(3), None]])),
    ]);
    assert_eq!(
        lines(&answer("value", &["2024-01-01", "2024-01-02"], figures)),
        concat!(
            "start complete users sum durations_1 durations_2\n",
            r#"{"start":"2024-01-01","complete":true,"users":5,"sum":12.50,"#,
            r#""durations_1":1,"durations_2":3}"#,
            "\n",
            r#"{"start":"2024-01-02","complete":true,"users":null,"sum":3,"#,
            r#""durations_1":2,"durations_2":null}"#,
            "\n"
        )
    );
}

#[test]
fn cohorts_are_a_row_per_cell() {
    let (people, amounts) = cohorts();
    let rows = lines(&answer("retention", &[], people));
    assert!(rows.starts_with("cohort size column returned rate complete\n"), "{rows}");
    let cell = r#"{"cohort":"2024-01-01","size":4,"column":1,"returned":1,"rate":0.25,"#;
    assert!(rows.contains(&format!("{cell}\"complete\":false}}")), "{rows}");
    let last = r#"{"cohort":"2024-02-01","size":null,"column":1,"returned":null,"rate":null,"#;
    assert!(rows.ends_with(&format!("{last}\"complete\":false}}\n")), "{rows}");
    let rows = lines(&answer("retention", &[], amounts));
    assert!(rows.contains(r#""column":0,"returned":10.00,"rate":2.5,"complete":true}"#), "{rows}");
}

#[test]
fn steps_are_rows_of_each_bucket_where_there_are_buckets() {
    assert_eq!(
        lines(&answer("funnel", &["2024-01-01"], funnel(false, 1))),
        concat!(
            "step event users median_s\n",
            r#"{"step":1,"event":"visit","users":7,"median_s":null}"#,
            "\n",
            r#"{"step":2,"event":"buy","users":3,"median_s":null}"#,
            "\n"
        )
    );
    let trend = lines(&answer("funnel", &["2024-01-01", "2024-01-02"], funnel(true, 2)));
    assert!(trend.starts_with("start complete step event users median_s\n"), "{trend}");
    assert_eq!(trend.lines().count(), 5);
    let last = r#"{"start":"2024-01-02","complete":true,"step":2,"event":"buy","users":3,"#;
    assert!(trend.ends_with(&format!("{last}\"median_s\":null}}\n")), "{trend}");
}

#[test]
fn links_users_and_numbers_of_intervals_are_rows() {
    let to = Some("b".to_owned());
    let links = vec![Link { step: 1, from: None, to, other: false, users: 3 }];
    assert_eq!(
        lines(&answer("paths", &[], Figures::Paths(links))),
        concat!(
            "step from to other users\n",
            r#"{"step":1,"from":null,"to":"b","other":false,"users":3}"#,
            "\n"
        )
    );
    let columns = vec![("first", Column::Instants(vec![Some("2024-01-01T00:00:00Z".into())]))];
    let figures = Figures::Users { ids: vec!["042".into()], columns, next: None };
    assert_eq!(
        lines(&answer("users", &[], figures)),
        "id first\n{\"id\":\"042\",\"first\":\"2024-01-01T00:00:00Z\"}\n"
    );
    let frequency = lines(&answer("frequency", &[], Figures::Frequency(vec![5, 2])));
    assert_eq!(frequency, "k users\n{\"k\":1,\"users\":5}\n{\"k\":2,\"users\":2}\n");
    assert_eq!(lines(&answer("count", &[], Figures::Count(7))), "count\n{\"count\":7}\n");
    let most = i64::MAX as u64;
    assert_eq!(count(most), Some(Value::Integer(i64::MAX)));
    assert_eq!(count(most + 1), Some(decimal("9223372036854775808")));
}

#[test]
fn key_columns_come_first_in_the_order_asked_for_and_the_rest_has_none_of_them() {
    let mut grouped = answer("count", &[], Figures::Count(7));
    grouped.keys = vec!["country".into(), "browser".into()];
    grouped.grouped = true;
    let key = |entries: &[(&str, Option<Value>)]| -> BTreeMap<String, Option<Value>> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let series = |key, other| Series { key, other, figures: Figures::Count(7) };
    grouped.series = vec![
        series(key(&[("browser", Some("x".into())), ("country", Some("DE".into()))]), false),
        series(key(&[("browser", None), ("country", Some(decimal("9.90")))]), false),
        series(key(&[("other", Some(true.into()))]), true),
    ];
    assert_eq!(
        lines(&grouped),
        concat!(
            "country browser other count\n",
            r#"{"country":"DE","browser":"x","other":false,"count":7}"#,
            "\n",
            r#"{"country":9.90,"browser":null,"other":false,"count":7}"#,
            "\n",
            r#"{"country":null,"browser":null,"other":true,"count":7}"#,
            "\n"
        )
    );
    grouped.series = Vec::new();
    assert_eq!(lines(&grouped), "country browser other count\n");
}

#[test]
fn every_column_has_a_name_of_its_own() {
    let mut grouped = answer("count", &[], Figures::Count(7));
    grouped.grouped = true;
    let mut names = |keys: &[&str]| {
        grouped.keys = keys.iter().map(|key| (*key).to_owned()).collect();
        grouped.series.clear();
        grouped.to_table().columns.join(" ")
    };
    assert_eq!(names(&["count"]), "property:count other count");
    assert_eq!(names(&["other", "x"]), "property:other x other count");
    let twice = "property:property:count property:count other count";
    assert_eq!(names(&["count", "property:count"]), twice);
    let mut paths = answer("paths", &[], Figures::Paths(vec![]));
    (paths.grouped, paths.keys) = (true, vec!["other".into()]);
    let columns = "property:other other_group step from to other users";
    assert_eq!(paths.to_table().columns.join(" "), columns);
    // A real value is told from the rest, whatever the property is called.
    grouped.keys = vec!["other".into()];
    let key = BTreeMap::from([("other".to_owned(), Some(Value::from(true)))]);
    let series = |other| Series { key: key.clone(), other, figures: Figures::Count(7) };
    grouped.series = vec![series(false), series(true)];
    assert_eq!(
        lines(&grouped),
        concat!(
            "property:other other count\n",
            r#"{"property:other":true,"other":false,"count":7}"#,
            "\n",
            r#"{"property:other":null,"other":true,"count":7}"#,
            "\n"
        )
    );
}
