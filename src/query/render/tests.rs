#![allow(clippy::unwrap_used)]

use super::*;
use crate::query::answer::Info;
use std::collections::BTreeMap;

fn date(text: &str) -> BucketStart {
    BucketStart::Date(text.parse().unwrap())
}

/// An answer over these buckets.
pub(in crate::query) fn answer(report: &'static str, buckets: &[&str], figures: Figures) -> Answer {
    let info = Info {
        partial: None,
        time_zone: "UTC".into(),
        week_start: "monday",
        from: Some("2024-01-01".parse().unwrap()),
        to: Some("2024-01-03".parse().unwrap()),
        as_of: "2024-06-01T00:00:00Z".into(),
        watermark: None,
        definition: "b3c1f0a2".into(),
        elapsed_ms: 0.5,
        warnings: vec![],
    };
    let bucket = |start: &&str| BucketInfo { start: date(start), complete: true };
    let buckets = buckets.iter().map(bucket).collect();
    let columns = figures.columns();
    let series = vec![Series { key: BTreeMap::new(), other: false, figures }];
    Answer { report, info, buckets, keys: vec![], grouped: false, columns, series }
}

pub(in crate::query) fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

/// A cohort of amounts, a cohort of people, and averages of both.
pub(in crate::query) fn cohorts() -> (Figures, Figures) {
    let people = Figures::Retention {
        cohorts: vec![
            Cohort {
                start: date("2024-01-01"),
                size: Some(4),
                returned: vec![Some(4), Some(1)],
                complete: vec![true, false],
            },
            Cohort {
                start: date("2024-02-01"),
                size: None,
                returned: vec![None, None],
                complete: vec![false, false],
            },
        ],
        average: vec![Average::new(4, 4), Average::new(0, 0)],
    };
    let amounts = Figures::AmountRetention {
        cohorts: vec![AmountCohort {
            start: date("2024-01-01"),
            size: Some(4),
            returned: vec![Some(decimal("10.00")), None],
            complete: vec![true, false],
        }],
        average: vec![
            AmountAverage::new(decimal("10.00"), 4),
            AmountAverage::new(Value::from(0), 0),
        ],
    };
    (people, amounts)
}

/// Two steps; a figure per bucket.
pub(in crate::query) fn funnel(by_bucket: bool, buckets: usize) -> Figures {
    let step = |step, event: &str, users: u64| FunnelStep {
        step,
        event: event.into(),
        columns: vec![
            ("users", Column::Counts(vec![Some(users); buckets])),
            ("median_s", Column::Ratios(vec![None; buckets])),
        ],
    };
    let bin = |from_s, to_s| DurationBin { from_s, to_s, users: Column::Counts(vec![Some(1)]) };
    let histogram = vec![bin(0.0, Some(60.0)), bin(60.0, None)];
    Figures::Funnel { by_bucket, steps: vec![step(1, "visit", 7), step(2, "buy", 3)], histogram }
}

/// What follows `info` in the JSON text.
fn body(answer: &Answer) -> String {
    let text = answer.to_json_string();
    assert_eq!(answer.to_json(), serde_json::from_str::<serde_json::Value>(&text).unwrap());
    text.split_once("\"warnings\":[]},").unwrap().1.to_owned()
}

fn series(answer: &Answer) -> String {
    let body = body(answer);
    body.split_once("\"series\":").unwrap().1.trim_end_matches('}').to_owned()
}

#[test]
fn columns_are_written_in_the_documented_order() {
    let figures = Figures::Columns(vec![
        ("users", Column::Counts(vec![Some(402_726), None])),
        ("ratio", Column::Ratios(vec![Some(0.25), None])),
    ]);
    let answer = answer("active", &["2024-01-01", "2024-01-02"], figures);
    assert_eq!(
        answer.to_json_string(),
        concat!(
            r#"{"report":"active","info":{"time_zone":"UTC","week_start":"monday","#,
            r#""from":"2024-01-01","to":"2024-01-03","as_of":"2024-06-01T00:00:00Z","#,
            r#""watermark":null,"definition":"b3c1f0a2","elapsed_ms":0.5,"warnings":[]},"#,
            r#""buckets":[{"start":"2024-01-01","complete":true},"#,
            r#"{"start":"2024-01-02","complete":true}],"#,
            r#""series":[{"key":{},"users":[402726,null],"ratio":[0.25,null]}]}"#
        )
    );
    assert_eq!(answer.counts("users"), Some(&[Some(402_726), None][..]));
    assert_eq!(answer.ratios("ratio"), Some(&[Some(0.25), None][..]));
    assert_eq!((answer.counts("ratio"), answer.ratios("users")), (None, None));
}

#[test]
fn amounts_keep_every_digit() {
    let digits = "-12345678901234567890123456789012345.60";
    let amounts = vec![
        Some(decimal("12.50")),
        Some(decimal(digits)),
        Some(Value::from(7)),
        Some(Value::from(0.1)),
        None,
    ];
    let figures = Figures::Columns(vec![("value", Column::Amounts(amounts.clone()))]);
    let answer = answer("value", &[], figures);
    let written = format!("\"value\":[12.50,{digits},7,0.1,null]");
    assert!(answer.to_json_string().contains(&written), "{}", answer.to_json_string());
    assert_eq!(answer.to_json()["series"][0]["value"][0], 12.5);
    assert_eq!(answer.amounts("value"), Some(amounts.as_slice()));
    assert_eq!(answer.counts("value"), None);
}

#[test]
fn an_hour_starts_at_local_time_with_its_offset() {
    let hour = |text: &str| BucketStart::Hour(text.parse().unwrap());
    assert_eq!(hour("2024-11-03T01:00:00-07:00").to_string(), "2024-11-03T01:00-07:00");
    let mut answer = answer("active", &["2024-11-03"], Figures::Columns(vec![]));
    answer.buckets[0].start = hour("2024-11-03T00:00:00+05:45");
    assert!(body(&answer).starts_with(r#""buckets":[{"start":"2024-11-03T00:00+05:45","#));
}

#[test]
fn retention_is_written_by_cohort() {
    let (people, amounts) = cohorts();
    let people = answer("retention", &[], people);
    assert_eq!(
        series(&people),
        concat!(
            r#"[{"key":{},"cohorts":["#,
            r#"{"start":"2024-01-01","size":4,"returned":[4,1],"complete":[true,false]},"#,
            r#"{"start":"2024-02-01","size":null,"returned":[null,null],"#,
            r#""complete":[false,false]}],"#,
            r#""average":[{"returned":4,"size":4,"rate":1.0},"#,
            r#"{"returned":0,"size":0,"rate":null}]}]"#
        )
    );
    assert_eq!((people.cohorts().len(), people.average().len()), (2, 2));
    let amounts = answer("retention", &[], amounts);
    assert_eq!(
        series(&amounts),
        concat!(
            r#"[{"key":{},"cohorts":["#,
            r#"{"start":"2024-01-01","size":4,"returned":[10.00,null],"complete":[true,false]}],"#,
            r#""average":[{"returned":10.00,"size":4,"rate":2.5},"#,
            r#"{"returned":0,"size":0,"rate":null}]}]"#
        )
    );
    assert_eq!((amounts.amount_cohorts().len(), amounts.amount_average().len()), (1, 2));
    assert_eq!(amounts.amount_cohorts()[0].rate(0), Some(2.5));
    assert_eq!(amounts.amount_cohorts()[0].rate(1), None);
}

#[test]
fn a_funnel_s_figures_are_numbers_or_one_per_bucket() {
    let whole = answer("funnel", &["2024-01-01"], funnel(false, 1));
    assert_eq!(
        series(&whole),
        concat!(
            r#"[{"key":{},"steps":[{"step":1,"event":"visit","users":7,"median_s":null},"#,
            r#"{"step":2,"event":"buy","users":3,"median_s":null}],"#,
            r#""histogram":[{"from_s":0.0,"to_s":60.0,"users":1},"#,
            r#"{"from_s":60.0,"to_s":null,"users":1}]}]"#
        )
    );
    assert_eq!(whole.steps().len(), 2);
    let trend = answer("funnel", &["2024-01-01"], funnel(true, 1));
    let written = r#""steps":[{"step":1,"event":"visit","users":[7],"median_s":[null]},"#;
    assert!(series(&trend).contains(written), "{}", series(&trend));
    assert!(series(&trend).ends_with(r#"{"from_s":60.0,"to_s":null,"users":[1]}]}]"#));
}

#[test]
fn reports_without_buckets_have_their_own_shapes() {
    let mut count = answer("count", &[], Figures::Count(7));
    (count.info.from, count.info.to) = (None, None);
    assert!(count.to_json_string().contains(r#""from":null,"to":null,"as_of""#));
    assert_eq!(body(&count), r#""buckets":[],"series":[{"key":{},"count":7}]}"#);
    assert_eq!(count.count(), Some(7));
    let frequency = answer("frequency", &[], Figures::Frequency(vec![5, 2]));
    assert_eq!(series(&frequency), r#"[{"key":{},"users":[5,2]}]"#);
    assert_eq!(frequency.histogram(), [5, 2]);
    let columns = vec![("first", Column::Instants(vec![Some("2024-01-01T00:00:00Z".into())]))];
    let figures = Figures::Users { ids: vec!["042".into()], columns, next: Some("042".into()) };
    let users = answer("users", &[], figures);
    let written = r#"{"key":{},"ids":["042"],"first":["2024-01-01T00:00:00Z"],"next":"042"}]"#;
    assert!(series(&users).ends_with(written));
    assert_eq!((users.ids().len(), users.next()), (1, Some("042")));
    assert!(users.column("first").is_some());
}

#[test]
fn links_and_classes_of_durations_have_theirs() {
    let link = |from: Option<&str>, to: Option<&str>, other| Link {
        step: 1,
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        other,
        users: 3,
    };
    let links = vec![link(Some("a"), Some("b"), false), link(Some("a"), None, true)];
    let paths = answer("paths", &[], Figures::Paths(links));
    assert_eq!(
        series(&paths),
        concat!(
            r#"[{"key":{},"links":[{"step":1,"from":"a","to":"b","users":3},"#,
            r#"{"step":1,"from":"a","to":null,"other":true,"users":3}]}]"#
        )
    );
    assert_eq!(paths.links().len(), 2);
    let classes = Column::Classes(vec![vec![Some(1), None], vec![Some(2), None]]);
    let sessions = answer("sessions", &[], Figures::Columns(vec![("durations", classes)]));
    assert_eq!(series(&sessions), r#"[{"key":{},"durations":[[1,null],[2,null]]}]"#);
}

#[test]
fn keys_are_values_null_or_other() {
    let mut grouped = answer("count", &[], Figures::Count(7));
    let mut key = |name: &str, value| {
        grouped.series[0].key = BTreeMap::from([(name.to_owned(), value)]);
        series(&grouped)
    };
    assert_eq!(key("country", Some("DE".into())), r#"[{"key":{"country":"DE"},"count":7}]"#);
    assert_eq!(key("country", None), r#"[{"key":{"country":null},"count":7}]"#);
    assert_eq!(key("price", Some(decimal("9.90"))), r#"[{"key":{"price":9.90},"count":7}]"#);
    assert_eq!(key("other", Some(true.into())), r#"[{"key":{"other":true},"count":7}]"#);
    grouped.series[0].other = true;
    assert_eq!(series(&grouped), r#"[{"key":{"other":true},"other":true,"count":7}]"#);
}
