#![allow(clippy::unwrap_used)]
use super::*;
use daybit::{
    AmountAverage, AmountCohort, Average, BucketInfo, BucketStart, Cohort, Column, DurationBin,
    FunnelStep, Link,
};
use std::collections::BTreeMap;

mod rows;

const WIDE: Style = Style { colour: false, width: 100 };

fn shown(answer: &Answer, style: &Style) -> String {
    render(answer, &Asked::default(), style)
}

fn date(text: &str) -> BucketStart {
    BucketStart::Date(text.parse().unwrap())
}

fn answer(report: &'static str, starts: &[(&str, bool)], figures: Figures) -> Answer {
    let bucket = |&(start, complete): &(&str, bool)| BucketInfo { start: date(start), complete };
    Answer {
        report,
        info: Info {
            partial: None,
            time_zone: "UTC".into(),
            week_start: "monday",
            from: Some("2024-01-01".parse().unwrap()),
            to: Some("2024-04-01".parse().unwrap()),
            as_of: "2024-03-10T00:00:00Z".into(),
            watermark: None,
            definition: "b3c1f0a2".into(),
            elapsed_ms: 0.4,
            warnings: Vec::new(),
        },
        buckets: starts.iter().map(bucket).collect(),
        keys: Vec::new(),
        grouped: false,
        columns: Vec::new(),
        series: vec![Series { key: BTreeMap::new(), other: false, figures }],
    }
}

fn cohort(start: &str, size: Option<u64>, cells: &[(Option<u64>, bool)]) -> Cohort {
    Cohort {
        start: date(start),
        size,
        returned: cells.iter().map(|cell| cell.0).collect(),
        complete: cells.iter().map(|cell| cell.1).collect(),
    }
}

const MONTHS: [(&str, bool); 4] =
    [("2024-01-01", true), ("2024-02-01", true), ("2024-03-01", false), ("2024-04-01", false)];

fn growth() -> Answer {
    let columns = vec![
        ("active", Column::Counts(vec![Some(1_234_567), Some(617_284), Some(0), None])),
        ("churned", Column::Counts(vec![Some(0), Some(12), Some(345), None])),
        ("quick_ratio", Column::Ratios(vec![None, Some(2.0), Some(1_234.567), None])),
        ("retention_rate", Column::Ratios(vec![None, Some(0.12345), Some(1.0), None])),
    ];
    answer("growth", &MONTHS, Figures::Columns(columns))
}

fn triangle() -> Answer {
    let cohorts = vec![
        cohort(
            "2024-01-01",
            Some(1_000),
            &[(Some(1_000), true), (Some(80), true), (Some(5), false)],
        ),
        cohort("2024-02-01", Some(200), &[(Some(200), true), (Some(80), false), (None, false)]),
        cohort("2024-03-01", Some(0), &[(Some(0), false), (None, false), (None, false)]),
        cohort("2024-04-01", None, &[(None, false), (None, false), (None, false)]),
    ];
    let average = vec![Average::new(1_200, 1_200), Average::new(80, 1_000), Average::new(0, 0)];
    answer("retention", &[], Figures::Retention { cohorts, average })
}

/// Below every table.
const RANGE: &str = "from 2024-01-01 to 2024-04-01 (UTC), as of 2024-03-10T00:00:00Z\n";

#[test]
fn numbers_are_aligned_and_grouped_and_the_first_column_has_bars() {
    let expected = "\
start           active  churned  quick_ratio  retention_rate  active
2024-01-01   1,234,567        0            ·               ·  ████████████████████████
2024-02-01     617,284       12         2.00           12.3%  ████████████
2024-03-01*          0      345     1,234.57          100.0%
2024-04-01*          ·        ·            ·               ·
* not over yet: the figure may change
";
    assert_eq!(shown(&growth(), &WIDE), format!("{expected}{RANGE}"));
}

#[test]
fn columns_that_do_not_fit_go_below() {
    let expected = "\
start           active  churned
2024-01-01   1,234,567        0
2024-02-01     617,284       12
2024-03-01*          0      345
2024-04-01*          ·        ·

start        quick_ratio
2024-01-01             ·
2024-02-01          2.00
2024-03-01*     1,234.57
2024-04-01*            ·

start        retention_rate
2024-01-01                ·
2024-02-01            12.3%
2024-03-01*          100.0%
2024-04-01*               ·
* not over yet: the figure may change
";
    let narrow = Style { colour: false, width: 36 };
    assert_eq!(shown(&growth(), &narrow), format!("{expected}{RANGE}"));
    // A line too narrow for anything shows a column at a time.
    let none = shown(&growth(), &Style { colour: false, width: 0 });
    assert_eq!(none.matches("start").count(), 4);
}

#[test]
fn retention_is_a_triangle_of_percents() {
    let expected = "\
cohort       size       0       1      2
2024-01-01  1,000  100.0%    8.0%   0.5%*
2024-02-01    200  100.0%   40.0%*     ·
2024-03-01      0       ·       ·      ·
2024-04-01      ·       ·       ·      ·
average            100.0%    8.0%      ·
* not over yet: the figure may change
";
    assert_eq!(shown(&triangle(), &WIDE), format!("{expected}{RANGE}"));
}

#[test]
fn a_narrow_triangle_loses_digits_then_columns() {
    let whole_percents = "\
cohort       size     0     1    2
2024-01-01  1,000  100%    8%   0%*
2024-02-01    200  100%   40%*   ·
2024-03-01      0     ·     ·    ·
2024-04-01      ·     ·     ·    ·
average            100%    8%    ·
* not over yet: the figure may change
";
    let text = shown(&triangle(), &Style { colour: false, width: 36 });
    assert_eq!(text, format!("{whole_percents}{RANGE}"));
    let fewer_columns = "\
cohort       size     0     1
2024-01-01  1,000  100%    8%
2024-02-01    200  100%   40%*
2024-03-01      0     ·     ·
2024-04-01      ·     ·     ·
average            100%    8%
the columns from 2 on do not fit into 30 characters
* not over yet: the figure may change
";
    let text = shown(&triangle(), &Style { colour: false, width: 30 });
    assert_eq!(text, format!("{fewer_columns}{RANGE}"));
}

#[test]
fn colours_shade_the_triangle() {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return; // the table's library heeds it as well
    }
    let text = shown(&triangle(), &Style { colour: true, width: 100 });
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1..3],
        [
            "2024-01-01  1,000 \u{1b}[48;5;19m\u{1b}[38;5;231m 100.0%  \u{1b}[49m\u{1b}[39m\
             \u{1b}[48;5;153m\u{1b}[38;5;16m  8.0%  \u{1b}[49m\u{1b}[39m\
             \u{1b}[48;5;195m\u{1b}[38;5;16m 0.5%* \u{1b}[49m\u{1b}[39m",
            "2024-02-01    200 \u{1b}[48;5;19m\u{1b}[38;5;231m 100.0%  \u{1b}[49m\u{1b}[39m\
             \u{1b}[48;5;19m\u{1b}[38;5;231m 40.0%* \u{1b}[49m\u{1b}[39m\u{1b}[2m    ·  \u{1b}[0m",
        ]
    );
    assert_eq!(lines[7], format!("\u{1b}[2m{}\u{1b}[0m", RANGE.trim_end()));
}

#[test]
fn a_histogram_ends_where_the_users_do() {
    let users = vec![1_500, 300, 0, 7, 0, 0];
    let expected = "\
k  users  share
1  1,500  83.0%  ████████████████████████
2    300  16.6%  ████▊
3      0   0.0%
4      7   0.4%  ▏
nobody on 5 or more (of 6)
";
    let text = shown(&answer("frequency", &[], Figures::Frequency(users)), &WIDE);
    assert_eq!(text, format!("{expected}{RANGE}"));
    let nobody = shown(&answer("frequency", &[], Figures::Frequency(vec![0, 0])), &WIDE);
    assert_eq!(nobody, format!("k  users  share\nnobody on 1 or more (of 2)\n{RANGE}"));
}

#[test]
fn a_count_is_a_line_and_ids_are_one_each() {
    let ever = |report, figures| {
        let mut answer = answer(report, &[], figures);
        (answer.info.from, answer.info.to) = (None, None);
        shown(&answer, &WIDE)
    };
    assert_eq!(ever("count", Figures::Count(1_234_567)), "1,234,567 users\n");
    assert_eq!(ever("count", Figures::Count(1)), "1 user\n");
    let ranged = shown(&answer("count", &[], Figures::Count(2)), &WIDE);
    assert_eq!(ranged, format!("2 users\n{RANGE}"));
    let ids = vec!["anna".to_string(), "\u{1b}[31mred\r".to_string(), "Åsa".to_string()];
    let figures = Figures::Users { ids, columns: vec![], next: Some("Åsa".into()) };
    let users = ever("users", figures);
    let expected = "anna\n\\u{1b}[31mred\\r\nÅsa\nmore follow: --after \"Åsa\"\n";
    assert_eq!(users, expected);
}

fn grouped_answer(figures: impl Fn() -> Figures) -> Answer {
    let mut answer = answer("active", &MONTHS[..1], figures());
    answer.keys = vec!["country".into()];
    let key = |country: Option<Value>| BTreeMap::from([("country".to_string(), country)]);
    let rest = BTreeMap::from([("other".to_string(), Some(Value::from(true)))]);
    answer.grouped = true;
    answer.columns = vec!["users".into()];
    answer.series = [(key(Some(Value::from("DE"))), false), (key(None), false), (rest, true)]
        .map(|(key, other)| Series { key, other, figures: figures() })
        .to_vec();
    answer
}

#[test]
fn groups_of_one_figure_stand_beside_each_other() {
    let users = Column::Counts(vec![Some(1_500)]);
    let mut answer = grouped_answer(|| Figures::Columns(vec![("users", users.clone())]));
    answer.info.week_start = "sunday";
    let table = "\
users by country
start           DE   null  (other)
2024-01-01   1,500  1,500    1,500
";
    let range = RANGE.replace("UTC", "UTC, weeks from sunday");
    assert_eq!(shown(&answer, &WIDE), format!("{table}{range}"));
}

#[test]
fn groups_of_several_figures_are_headed_by_their_key() {
    let answer = grouped_answer(|| Figures::Frequency(vec![5]));
    let table = "k  users   share\n1      5  100.0%  ████████████████████████\n";
    let expected = format!("country: DE\n{table}\ncountry: null\n{table}\n(other)\n{table}{RANGE}");
    assert_eq!(shown(&answer, &WIDE), expected);
}

#[test]
fn no_groups_are_a_header_and_say_so() {
    let mut answer = grouped_answer(|| Figures::Frequency(vec![5]));
    answer.series.clear();
    answer.keys = vec!["coun\ttry".into()];
    let expected = format!("coun\\ttry  other  users\nnothing was found\n{RANGE}");
    assert_eq!(shown(&answer, &WIDE), expected);
}

#[test]
fn records_become_csv() {
    let table = Table {
        columns: vec!["start".into(), "a,b".into()],
        rows: vec![
            vec![Some("2024-01-01".into()), None],
            vec![Some("say \"hi\"\n".into()), Some(0.25.into())],
            vec![Some(true.into()), Some(Value::Decimal("12.50".parse().unwrap()))],
            vec![Some("".into()), Some("a\rb".into())],
        ],
    };
    let expected = "start,\"a,b\"\n2024-01-01,\n\"say \"\"hi\"\"\n\",0.25\ntrue,12.50\n\
        \"\",\"a\rb\"\n";
    assert_eq!(render_rows_csv(&table), expected);
    assert_eq!(render_rows_csv(&Table { columns: vec!["id".into()], rows: vec![] }), "id\n");
}
