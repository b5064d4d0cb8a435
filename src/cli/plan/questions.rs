//! The reports that are measured, and what each one's time hangs on.

use super::people::Containers;
use super::shape::Shape;
use super::workload::Size;
use serde_json::{Value as Json, json};

/// A report as it is asked.
#[derive(Debug, Clone)]
pub struct Question {
    pub name: &'static str,
    pub query: Json,
    pub reach: Reach,
}

/// What a report reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The totals that are kept of each day.
    Totals,
    /// Who was there, on all days.
    Users,
    /// Who was there on the last days.
    RecentUsers,
    /// Events of the last days.
    RecentEvents,
    /// Each user's events, counted.
    EventsByUser,
}

impl Reach {
    /// What the cost is a sum of.
    pub fn drivers(self, size: &Size) -> Vec<f64> {
        match self {
            Reach::Totals => vec![1.0, size.days],
            Reach::Users => of_containers(&size.containers),
            Reach::RecentUsers => of_containers(&size.recent_containers),
            Reach::RecentEvents => vec![1.0, size.events * size.recent_share],
            Reach::EventsByUser => vec![1.0, size.events, size.users],
        }
    }

    /// What a forecast is extrapolated by.
    pub fn by(self) -> &'static str {
        match self {
            Reach::Totals => "days",
            Reach::Users | Reach::RecentUsers => "containers",
            Reach::RecentEvents | Reach::EventsByUser => "events",
        }
    }

    /// Whether one event of an active day tells as much as all of them.
    pub fn is_of_presence(self) -> bool {
        matches!(self, Reach::Totals | Reach::Users | Reach::RecentUsers)
    }
}

fn of_containers(containers: &Containers) -> Vec<f64> {
    vec![1.0, containers.bytes, containers.count]
}

/// The reports of a dashboard, over a workload of this shape.
pub fn questions(shape: &Shape) -> Vec<Question> {
    let mut all = about_users();
    all.extend(about_events(shape));
    all
}

fn about_users() -> Vec<Question> {
    let all = Reach::Users;
    let retention =
        |by: &str, columns: u32| json!({"report": "retention", "by": by, "columns": columns});
    let growth = json!({"report": "growth", "by": "week"});
    let recent = json!({"report": "growth", "by": "week", "from": "-28d"});
    let stickiness = json!({"report": "stickiness", "by": "month", "trailing": null});
    let often = json!({"did": "*", "at_least": 3});
    vec![
        question("active users by day", json!({"report": "active"}), Reach::Totals),
        question("active users by week", json!({"report": "active", "by": "week"}), all),
        question("active users by month", json!({"report": "active", "by": "month"}), all),
        question(
            "active in 28 days, for each day",
            json!({"report": "active", "trailing": 28}),
            all,
        ),
        question("stickiness by month", stickiness, all),
        question("growth by week", growth, all),
        question("growth by week, last 28 days", recent, Reach::RecentUsers),
        question("states of all users by day", json!({"report": "states"}), all),
        question("retention by month, 12 columns", retention("month", 12), all),
        question("retention by day, 90 columns", retention("day", 90), all),
        question(
            "days active of the last 28",
            json!({"report": "frequency", "from": "-28d"}),
            Reach::RecentUsers,
        ),
        question(
            "1,000 users with 3 events or more",
            json!({"report": "users", "users": often, "limit": 1_000}),
            Reach::EventsByUser,
        ),
    ]
}

fn about_events(shape: &Shape) -> Vec<Question> {
    let funnel = json!({"report": "funnel", "steps": shape.steps, "within": "7d", "from": "-28d"});
    let mut all = vec![
        question("funnel of 3 steps, last 28 days", funnel, Reach::RecentEvents),
        question(
            "sessions by day, last 28 days",
            json!({"report": "sessions", "from": "-28d"}),
            Reach::RecentEvents,
        ),
    ];
    if let Some(money) = shape.money() {
        let sum = json!({"report": "value", "event": shape.paying, "measure": "sum",
                         "property": money, "by": "month"});
        all.push(question("revenue by month", sum, Reach::Totals));
    }
    if let Some(by) = shape.breakdown() {
        let query = json!({"report": "active", "breakdown": [by], "from": "-28d"});
        let name = "active users by day and group, last 28 days";
        all.push(question(name, query, Reach::RecentEvents));
    }
    all
}

fn question(name: &'static str, query: Json, reach: Reach) -> Question {
    Question { name, query, reach }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::workload::tests::workload;
    use super::*;

    #[test]
    fn every_question_is_a_query() {
        for count in [1, 2, 20] {
            let all = questions(&Shape::typical(count, 4.0));
            assert_eq!(all.len(), 16);
            for question in all {
                daybit::Query::from_value(&question.query).unwrap();
            }
        }
    }

    #[test]
    fn questions_about_the_last_days_do_not_grow_with_the_history() {
        let workload = workload(500_000, 0.2, 4.0, 1_000);
        let (year, three) = (workload.size(500_000, 365), workload.size(500_000, 1_000));
        for (reach, same) in [
            (Reach::RecentUsers, true),
            (Reach::RecentEvents, true),
            (Reach::Users, false),
            (Reach::Totals, false),
        ] {
            let ratio = reach.drivers(&three)[1] / reach.drivers(&year)[1];
            assert_eq!((0.8..1.25).contains(&ratio), same, "{reach:?}: {ratio}");
        }
        // A history shorter than the window is read whole.
        let short = workload.size(500_000, 10);
        let recent = Reach::RecentEvents.drivers(&short)[1];
        assert!((recent / short.events - 1.0).abs() < 1e-9, "{recent}");
    }
}
