//! The standard questions.

use serde_json::{Value as Json, json};

/// Questions about who was there.
pub fn questions() -> Vec<(&'static str, Json)> {
    let retention =
        |by: &str, columns: u32| json!({"report": "retention", "by": by, "columns": columns});
    vec![
        ("dau", json!({"report": "active", "by": "day"})),
        ("wau", json!({"report": "active", "by": "week"})),
        ("mau", json!({"report": "active", "by": "month"})),
        ("trailing28", json!({"report": "active", "by": "day", "trailing": 28})),
        ("retention_month", retention("month", 12)),
        ("retention_day90", retention("day", 90)),
        ("growth_week", json!({"report": "growth", "by": "week"})),
        ("l28", json!({"report": "frequency", "from": "-28d"})),
        ("states", json!({"report": "states"})),
        ("stickiness_month", json!({"report": "stickiness", "by": "month", "trailing": null})),
    ]
}

/// Questions that read rows.
pub fn row_questions() -> Vec<(&'static str, Json)> {
    let ios = json!({"event": "*", "where": [{"property": "platform", "is": "ios"}]});
    let steps = json!(["search", "add_to_cart", "purchase"]);
    let june = |report: Json| {
        let mut query = report;
        query["from"] = json!("2024-06-01");
        query["to"] = json!("2024-07-01");
        query
    };
    let revenue = |measure: &str| {
        json!({"report": "value", "event": "purchase", "measure": measure, "property": "value",
               "by": "month"})
    };
    vec![
        ("funnel7d", json!({"report": "funnel", "steps": steps, "within": "7d"})),
        (
            "dau_country_ios",
            json!({"report": "active", "event": ios, "breakdown": ["country"], "top": 1000}),
        ),
        ("revenue_month", revenue("sum")),
        ("payers_month", json!({"report": "active", "event": "purchase", "by": "month"})),
        ("sessions_june", june(json!({"report": "sessions"}))),
        (
            "growth_money_month",
            json!({"report": "growth", "event": "purchase",
                                      "property": "value", "by": "month"}),
        ),
        ("median_month", revenue("median")),
        ("dau_ios", json!({"report": "active", "event": ios})),
        ("dau_new_york", json!({"report": "active", "time_zone": "America/New_York"})),
    ]
}
