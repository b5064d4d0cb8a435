//! Tables of what happened in order, of money, and of what is known of each person.

use super::*;

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn step(step: u32, event: &str, users: &[u64], first: &[f64], seconds: Option<f64>) -> FunnelStep {
    let ratios = |values: &[f64]| Column::Ratios(values.iter().map(|v| Some(*v)).collect());
    let times = || Column::Ratios(vec![seconds; users.len()]);
    FunnelStep {
        step,
        event: event.into(),
        columns: vec![
            ("users", Column::Counts(users.iter().map(|n| Some(*n)).collect())),
            ("rate_from_first", ratios(first)),
            ("rate_from_previous", ratios(first)),
            ("median_s", times()),
            ("mean_s", times()),
            ("p90_s", times()),
            ("total_median_s", times()),
            ("total_mean_s", times()),
            ("total_p90_s", times()),
        ],
    }
}

fn funnel(complete: bool) -> Answer {
    let steps = vec![
        step(1, "search", &[1_200], &[1.0], None),
        step(2, "add\tto cart", &[300], &[0.25], Some(80.0)),
        step(3, "purchase", &[0], &[0.0], None),
    ];
    let bin = |from_s, to_s, users| DurationBin {
        from_s,
        to_s,
        users: Column::Counts(vec![Some(users)]),
    };
    let histogram = vec![bin(0.0, Some(60.0), 0), bin(60.0, Some(300.0), 3), bin(300.0, None, 1)];
    let figures = Figures::Funnel { by_bucket: false, steps, histogram };
    answer("funnel", &[("2024-01-01", complete)], figures)
}

#[test]
fn a_funnel_has_a_bar_per_step_and_what_was_lost() {
    let expected = "\
step            users  from first  from previous  lost  median
1 search        1,200      100.0%              ·     ·       ·  ████████████████████████
2 add\\tto cart    300       25.0%          25.0%   900  1m 20s  ██████
3 purchase          0        0.0%           0.0%   300       ·

time        users  share
1m to 5m        3  75.0%  ████████████████████████
5m or more      1  25.0%  ████████
";
    assert_eq!(shown(&funnel(true), &WIDE), format!("{expected}{RANGE}"));
    let star = shown(&funnel(false), &WIDE);
    assert!(star.contains("1 search*") && star.contains("* not over yet"), "{star}");
}

#[test]
fn a_funnel_that_somebody_finished_says_how_long_it_took() {
    let steps =
        vec![step(1, "a", &[4], &[1.0], Some(0.0)), step(2, "b", &[1], &[0.25], Some(5_400.0))];
    let figures = Figures::Funnel { by_bucket: false, steps, histogram: vec![] };
    let text = shown(&answer("funnel", &MONTHS[..1], figures), &WIDE);
    let line = "from the first step to the last: median 1h 30m, mean 1h 30m, p90 1h 30m\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_trend_has_a_row_per_bucket() {
    let steps =
        vec![step(1, "a", &[4, 9], &[1.0, 1.0], None), step(2, "b", &[1, 0], &[0.25, 0.0], None)];
    let figures = Figures::Funnel { by_bucket: true, steps, histogram: vec![] };
    let expected = "\
start        1 a  2 b  converted
2024-01-01     4    1      25.0%  ██████
2024-02-01     9    0       0.0%
";
    assert_eq!(
        shown(&answer("funnel", &MONTHS[..2], figures), &WIDE),
        format!("{expected}{RANGE}")
    );
}

fn link(step: u32, from: Option<&str>, to: Option<&str>, users: u64) -> Link {
    let name = |name: Option<&str>| name.map(str::to_string);
    Link { step, from: name(from), to: name(to), other: false, users }
}

#[test]
fn paths_are_a_tree() {
    let mut links = vec![
        link(1, Some("open"), Some("search"), 70),
        link(1, Some("open"), None, 25),
        link(1, None, None, 5),
        link(2, Some("search"), None, 40),
        link(2, Some("\u{1b}[2J"), Some("open"), 2),
    ];
    links[2].other = true;
    let expected = "\
step          users   share
1               100          ████████████████████████
  open           95   95.0%  ██████████████████████▊
    → search     70   73.7%  ████████████████▊
    → (end)      25   26.3%  ██████
  (other)         5    5.0%  █▎
2                42          ██████████▏
  search         40   95.2%  █████████▋
    → (end)      40  100.0%  █████████▋
  \\u{1b}[2J       2    4.8%  ▌
    → open        2  100.0%  ▌
";
    let answer = answer("paths", &[], Figures::Paths(links));
    assert_eq!(shown(&answer, &WIDE), format!("{expected}{RANGE}"));
}

#[test]
fn paths_to_an_event_show_what_came_before() {
    let links = vec![link(1, Some("search"), Some("buy"), 3), link(1, None, Some("buy"), 1)];
    let answer = answer("paths", &[], Figures::Paths(links));
    let asked = Asked::of(&Query::from_json(r#"{"report": "active"}"#).unwrap());
    assert!(!asked.backwards);
    let text = render(&answer, &Asked { backwards: true, ..asked }, &WIDE);
    let lines: Vec<&str> = text.lines().map(|line| line.split("  ███").next().unwrap()).collect();
    assert!(lines[2].starts_with("  buy"), "{text}");
    assert!(lines[3].starts_with("    ← search"), "{text}");
    assert!(lines[4].starts_with("    ← (start)"), "{text}");
}

#[test]
fn money_keeps_its_scale_and_stands_on_its_point() {
    let amounts =
        vec![Some(decimal("1234567.50")), Some(Value::from(-7)), Some(decimal("0.125")), None];
    let columns = vec![
        ("total", Column::Amounts(amounts)),
        ("users", Column::Counts(vec![Some(3), Some(2), Some(1), None])),
    ];
    let expected = "\
start                total  users  total
2024-01-01   1,234,567.50       3  ████████████████████████
2024-02-01          -7          2
2024-03-01*          0.125      1  ▏
2024-04-01*          ·          ·
* not over yet: the figure may change
";
    let text = shown(&answer("growth", &MONTHS, Figures::Columns(columns)), &WIDE);
    assert_eq!(text, format!("{expected}{RANGE}"));
}

#[test]
fn retention_of_amounts_shows_sums_and_the_amount_per_person() {
    let cohort = |start, size, returned: Vec<Option<Value>>, complete| AmountCohort {
        start: date(start),
        size: Some(size),
        returned,
        complete,
    };
    let cohorts = vec![
        cohort(
            "2024-01-01",
            4,
            vec![Some(decimal("1000.00")), Some(decimal("20.50"))],
            vec![true; 2],
        ),
        cohort("2024-02-01", 2, vec![Some(Value::from(0)), None], vec![false; 2]),
    ];
    let average =
        vec![AmountAverage::new(decimal("1000.00"), 4), AmountAverage::new(decimal("20.50"), 4)];
    let expected = "\
cohort      size         0       1
2024-01-01     4  1,000.00   20.50
2024-02-01     2      0*      ·
per person          250.00    5.12
* not over yet: the figure may change
";
    let figures = Figures::AmountRetention { cohorts, average };
    assert_eq!(shown(&answer("retention", &[], figures), &WIDE), format!("{expected}{RANGE}"));
}

#[test]
fn sessions_have_readable_times_and_classes() {
    let columns = vec![
        ("sessions", Column::Counts(vec![Some(1_000)])),
        ("median_s", Column::Ratios(vec![Some(80.4)])),
        ("bounce_rate", Column::Ratios(vec![Some(0.5)])),
        ("histogram", Column::Classes(vec![vec![Some(600)], vec![Some(300)], vec![Some(100)]])),
    ];
    let answer = answer("sessions", &MONTHS[..1], Figures::Columns(columns));
    let asked = Asked { edges: vec!["30s".into(), "5m".into()], ..Asked::default() };
    let expected = "\
start        sessions  median  bounce_rate  under 30s  30s to 5m  5m or more  sessions
2024-01-01      1,000  1m 20s        50.0%        600        300         100  █████████████
";
    assert_eq!(
        render(&answer, &asked, &Style { colour: false, width: 91 }),
        format!("{expected}{RANGE}")
    );
}

#[test]
fn a_share_reads_as_percent() {
    let columns = vec![("value", Column::Ratios(vec![Some(0.125)]))];
    let answer = answer("value", &MONTHS[..1], Figures::Columns(columns));
    let asked = Asked { share: true, ..Asked::default() };
    assert!(render(&answer, &asked, &WIDE).contains("  12.5%"));
    assert!(shown(&answer, &WIDE).contains("   0.13") || shown(&answer, &WIDE).contains("   0.12"));
}

#[test]
fn people_have_their_columns() {
    let columns = vec![
        ("first", Column::Instants(vec![Some("2024-01-01T00:00:00Z".into()), None])),
        ("events", Column::Counts(vec![Some(1_200), Some(0)])),
        ("sum", Column::Amounts(vec![Some(decimal("12.50")), Some(Value::from(0))])),
    ];
    let ids = vec!["anna".to_string(), "b\u{7}en".to_string()];
    let answer = answer("users", &[], Figures::Users { ids, columns, next: None });
    let expected = "\
id                       first  events    sum
anna      2024-01-01T00:00:00Z   1,200  12.50
b\\u{7}en                     ·       0   0
";
    assert_eq!(shown(&answer, &WIDE), format!("{expected}{RANGE}"));
}
