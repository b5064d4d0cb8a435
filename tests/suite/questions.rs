//! Random questions over every report and field, as JSON.

use crate::oracle::date;
use crate::support::Random;
use serde_json::{Value as Json, json};

pub const ACTIVITIES: [&str; 4] = ["open", "view", "purchase", "naïve \"quote\", and comma"];

/// Zones with whole and odd offsets, with changes at midnight, of half an hour, and with a date
/// that was skipped.
pub const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
    "Pacific/Chatham",
    "Asia/Tehran",
];

pub const DAY_US: i64 = 86_400_000_000;

/// Properties that the random events have.
const PROPERTIES: [&str; 5] = ["price", "country", "flag", "code", "score"];

/// Those that hold numbers.
const NUMBERS: [&str; 3] = ["price", "code", "score"];

const REPORTS: [&str; 24] = [
    "active",
    "active",
    "frequency",
    "stickiness",
    "growth",
    "growth",
    "growth",
    "states",
    "retention",
    "retention",
    "retention",
    "retention",
    "value",
    "value",
    "value",
    "balance",
    "survey",
    "adoption",
    "sessions",
    "funnel",
    "funnel",
    "paths",
    "count",
    "users",
];

/// What is asked, of events that lie within some days.
pub struct Questions {
    pub random: Random,
    pub first_day: i64,
    pub days: u64,
}

impl Questions {
    /// Sets that are saved under the names that questions use; the second names the first.
    pub fn cohorts(&self) -> [(&'static str, Json); 2] {
        let (from, to) = (self.first_day as i32, self.first_day as i32 + 4);
        let early =
            json!({"first_did": "*", "from": date(from).to_string(), "to": date(to).to_string()});
        let buyers = json!({"did": "purchase", "at_least": 2});
        [("buyers", buyers), ("early", json!({"or": [early, {"cohort": "buyers"}]}))]
    }

    pub fn next(&mut self) -> Json {
        let report = *self.random.pick(&REPORTS);
        let mut query = json!({"report": report});
        self.own_fields(report, &mut query);
        self.common_fields(report, &mut query);
        query
    }

    fn own_fields(&mut self, report: &str, query: &mut Json) {
        match report {
            "active" | "frequency" | "stickiness" | "growth" | "states" => {
                query["event"] = self.selector();
                self.people_fields(report, query);
            }
            "retention" => self.retention_fields(query),
            "value" => self.value_fields(query),
            "balance" => {
                query["event"] = self.selector();
                query["property"] = json!(self.random.pick(&NUMBERS));
            }
            "survey" => self.survey_fields(query),
            "adoption" => self.adoption_fields(query),
            "sessions" => self.session_fields(query),
            "funnel" => self.funnel_fields(query),
            "paths" => self.path_fields(query),
            "users" => self.user_fields(query),
            _ => {}
        }
    }

    fn people_fields(&mut self, report: &str, query: &mut Json) {
        let trailing = *self.random.pick(&[1, 2, 7, 28, 30]);
        let random = &mut self.random;
        match report {
            "active" if random.chance(2) => query["trailing"] = json!(trailing),
            "frequency" => {
                query["interval"] = json!(random.pick(&["hour", "day", "week", "month"]));
                query["at_least"] = json!(1 + random.below(2));
                if random.chance(4) {
                    query["at_most"] = json!(2 + random.below(3));
                }
            }
            "stickiness" if random.chance(2) => query["trailing"] = json!(trailing),
            "stickiness" => query["trailing"] = json!(null),
            "growth" => {
                if random.chance(3) {
                    query["property"] = json!(random.pick(&NUMBERS));
                }
                match random.below(4) {
                    0 if query["property"].is_null() => query["gap"] = json!(1 + random.below(4)),
                    1 => query["trailing"] = json!(trailing),
                    2 => query["new_means"] = json!("any"),
                    _ => {}
                }
            }
            "states" if random.chance(2) => {
                query["week"] = json!(2 + random.below(6));
                query["month"] = json!(9 + random.below(30));
            }
            _ => {}
        }
    }

    fn retention_fields(&mut self, query: &mut Json) {
        query["start"] = self.selector();
        if self.random.chance(2) {
            query["return"] = self.selector();
        }
        let random = &mut self.random;
        query["cohort"] =
            json!(random.pick(&["first", "recurring", "first_ever", "first_in_range"]));
        if random.chance(3) {
            query["window"] = json!("elapsed");
        }
        if random.chance(4) {
            query["property"] = json!(random.pick(&NUMBERS));
        } else {
            query["at_least"] = json!(1 + random.below(2));
        }
        if random.chance(3) {
            query["brackets"] = json!([1 + random.below(3), 1 + random.below(5), 2]);
        } else {
            query["columns"] = json!(1 + random.below(20));
            query["count"] = json!(random.pick(&["on", "on_or_after", "on_or_before"]));
        }
    }

    fn value_fields(&mut self, query: &mut Json) {
        let measures = [
            "events",
            "users",
            "events_per_user",
            "sum",
            "mean",
            "min",
            "max",
            "median",
            "p50",
            "p90",
            "p95",
            "p99",
            "sum_per_user",
            "distinct",
            "share",
        ];
        let measure = *self.random.pick(&measures);
        query["measure"] = json!(measure);
        query["event"] = self.selector();
        match measure {
            "events" | "users" | "events_per_user" => {}
            "share" => query["of"] = self.selector(),
            "distinct" => query["property"] = json!(self.random.pick(&PROPERTIES)),
            _ => query["property"] = json!(self.random.pick(&NUMBERS)),
        }
    }

    fn survey_fields(&mut self, query: &mut Json) {
        query["event"] = self.selector();
        query["property"] = json!("score");
        let kind = *self.random.pick(&["nps", "csat", "ces"]);
        query["kind"] = json!(kind);
        if self.random.chance(2) {
            let low = self.random.below(3);
            query["scale"] = json!([low, low + 2 + self.random.below(9)]);
        }
        if kind == "nps" && query["scale"].is_null() && self.random.chance(2) {
            let detractor_max = self.random.below(6);
            query["detractor_max"] = json!(detractor_max);
            query["promoter_min"] = json!(detractor_max + 1 + self.random.below(4));
        } else if kind == "nps" && query["scale"].is_array() {
            query["detractor_max"] = query["scale"][0].clone();
            query["promoter_min"] = query["scale"][1].clone();
        }
        if self.random.chance(2) {
            query["responses"] = json!(self.random.pick(&["all", "last"]));
        }
    }

    fn adoption_fields(&mut self, query: &mut Json) {
        let features = 1 + self.random.below(3);
        query["features"] = (0..features).map(|i| json!(ACTIVITIES[i as usize])).collect();
        if self.random.chance(2) {
            query["features"] = (0..features).map(|_| self.selector()).collect();
            query["k"] = json!(1 + self.random.below(features));
        }
        if self.random.chance(3) {
            query["among"] = self.selector();
        }
    }

    fn session_fields(&mut self, query: &mut Json) {
        if self.random.chance(2) {
            query["event"] = self.selector();
        }
        if self.random.chance(2) {
            query["gap"] = json!(self.random.pick(&["1s", "90m", "6h", "2d"]));
        }
        if self.random.chance(2) {
            query["duration_edges"] = json!(["1s", "1h", "1d"]);
        }
    }

    fn funnel_fields(&mut self, query: &mut Json) {
        if self.random.chance(2) {
            return self.plain_funnel_fields(query);
        }
        let steps = 1 + self.random.below(4);
        query["steps"] = (0..steps).map(|_| self.selector()).collect();
        let random = &mut self.random;
        match random.below(5) {
            0 => {}
            1 => query["within"] = json!(null),
            _ => query["within"] = json!(random.pick(&["1s", "3h", "1d", "7d", "8w"])),
        }
        let order = *random.pick(&["ordered", "ordered", "strict", "unordered"]);
        query["order"] = json!(order);
        if order != "unordered" && random.chance(3) {
            query["ties"] = json!(random.pick(&["in_order", "forbid"]));
        }
        if order == "ordered" && steps > 1 && random.chance(3) {
            let after = 1 + random.below(steps - 1);
            let before = after + 1 + random.below(steps - after);
            let event = *random.pick(&ACTIVITIES);
            query["exclude"] = json!([{"event": event, "after": after, "before": before}]);
        }
    }

    /// Events in order without conditions, some of them several times.
    pub fn plain_funnel_fields(&mut self, query: &mut Json) {
        let steps = 2 + self.random.below(4);
        query["steps"] = (0..steps).map(|_| json!(self.random.pick(&ACTIVITIES))).collect();
        query["within"] =
            self.random.pick(&[json!("1d"), json!("7d"), json!("30d"), json!(null)]).clone();
        let (from, to) = self.range(20);
        (query["from"], query["to"]) = (json!(from), json!(to));
    }

    fn path_fields(&mut self, query: &mut Json) {
        let side = *self.random.pick(&["start", "end"]);
        query[side] = self.selector();
        query["depth"] = json!(1 + self.random.below(4));
        query["top"] = json!(1 + self.random.below(5));
        if self.random.chance(2) {
            query["within"] = json!(self.random.pick(&["1h", "1d", "20d"]));
        }
    }

    fn user_fields(&mut self, query: &mut Json) {
        query["limit"] = json!(1 + self.random.below(20));
        if self.random.chance(3) {
            query["after"] = json!(format!("user {}", self.random.below(40)));
        }
        if self.random.chance(2) {
            return;
        }
        let columns = ["first", "last", "days", "weeks", "months", "events", "sum", "last_value"];
        let with: Vec<&str> = columns.into_iter().filter(|_| self.random.chance(2)).collect();
        if !with.is_empty() {
            query["event"] = self.selector();
        }
        if with.contains(&"sum") || with.contains(&"last_value") {
            query["property"] = json!(self.random.pick(&NUMBERS));
        }
        if !with.is_empty() && self.random.chance(2) {
            // Paging in another order goes on after somebody who is there.
            query["after"] = json!(null);
            query["order_by"] = json!(self.random.pick(&with));
            query["descending"] = json!(self.random.chance(2));
        }
        query["with"] = json!(with);
    }

    fn common_fields(&mut self, report: &str, query: &mut Json) {
        self.width(report, query);
        if self.random.chance(3) {
            let names = ["monday", "wednesday", "sunday"];
            query["week_start"] = json!(self.random.pick(&names));
        }
        if self.random.chance(3) {
            query["time_zone"] = json!(self.random.pick(&ZONES));
        }
        let hours = query["by"] == "hour" || query["interval"] == "hour";
        let as_of = self.random.chance(4);
        // A default range would end before its start when nothing lies before as_of.
        if as_of || hours || self.random.chance(2) {
            let (from, to) = self.range(if hours { 3 } else { self.days });
            query["from"] = json!(from);
            query["to"] = json!(to);
            if self.random.chance(5) {
                query["from"] = json!(self.random.pick(&["-3d", "-2w", "-1m"]));
                if hours {
                    query["from"] = json!("-2d");
                }
            }
            if self.random.chance(8) {
                query["from"] = json!("-2d");
                query["to"] = json!("today");
            }
        }
        if as_of {
            let at = (self.first_day + self.random.below(self.days) as i64) * DAY_US + DAY_US / 3;
            query["as_of"] = json!(jiff::Timestamp::from_microsecond(at).unwrap().to_string());
        }
        if self.random.chance(3) || ["count", "users"].contains(&report) {
            query["users"] = self.set(2);
        }
        if !["count", "users"].contains(&report) && self.random.chance(4) {
            self.breakdown(report, query);
        }
    }

    fn width(&mut self, report: &str, query: &mut Json) {
        let widths: &[&str] = match report {
            "frequency" | "states" | "count" | "users" | "paths" => return,
            "retention" if query["window"] == "elapsed" => &["hour", "day", "week", "month"],
            "retention" => &["hour", "day", "week", "month", "quarter", "year"],
            "stickiness" if query["trailing"].is_null() => {
                &["day", "week", "month", "quarter", "year", "all"]
            }
            "funnel" => &["all", "all", "hour", "day", "week", "month", "year"],
            _ => &["hour", "day", "week", "month", "quarter", "year", "all"],
        };
        query["by"] = json!(self.random.pick(widths));
    }

    fn breakdown(&mut self, report: &str, query: &mut Json) {
        let mut names = vec![*self.random.pick(&PROPERTIES)];
        let second = *self.random.pick(&PROPERTIES);
        if self.random.chance(3) && second != names[0] {
            names.push(second);
        }
        query["breakdown"] = json!(names);
        // Of paths, `top` is about links.
        if report != "paths" && self.random.chance(2) {
            query["top"] = json!(1 + self.random.below(3));
        }
    }

    fn range(&mut self, days: u64) -> (String, String) {
        let from = self.first_day as i32 - 5 + self.random.below(self.days) as i32;
        let to = from + 1 + self.random.below(days) as i32;
        (date(from).to_string(), date(to).to_string())
    }

    pub fn selector(&mut self) -> Json {
        let names = match self.random.below(5) {
            0 => {
                return json!({"any": [self.random.pick(&ACTIVITIES), self.random.pick(&ACTIVITIES)]});
            }
            1 => json!("*"),
            2 => json!("open"),
            _ => json!(self.random.pick(&ACTIVITIES)),
        };
        if !self.random.chance(3) {
            return names;
        }
        let conditions = 1 + self.random.below(2);
        let conditions: Json = (0..conditions).map(|_| self.condition(1)).collect();
        json!({"event": names, "where": conditions})
    }

    pub fn condition(&mut self, depth: u64) -> Json {
        if depth > 0 && self.random.chance(6) {
            return json!({"any_of": [self.condition(depth - 1), self.condition(depth - 1)]});
        }
        let property = *self.random.pick(&PROPERTIES);
        let operators: &[&str] = match property {
            "flag" => &["is", "is_not", "exists", "in"],
            "country" => {
                &["is", "is_not", "in", "not_in", "gt", "lte", "exists", "contains", "starts_with"]
            }
            _ => &["is", "is_not", "in", "not_in", "gt", "gte", "lt", "lte", "exists"],
        };
        let operator = *self.random.pick(operators);
        let literal = match operator {
            "exists" => json!(self.random.chance(2)),
            "in" | "not_in" => json!([self.literal(property), self.literal(property)]),
            "contains" | "starts_with" => json!(self.random.pick(&["D", "R", "é", ""])),
            "gt" | "gte" | "lt" | "lte" => loop {
                let literal = self.literal(property);
                // Texts of numbers are compared with numbers' texts nowhere.
                if !literal.is_string() || property == "country" {
                    break literal;
                }
            },
            _ => self.literal(property),
        };
        let mut condition = json!({"property": property});
        condition[operator] = literal;
        condition
    }

    /// Something that a property may be compared with.
    fn literal(&mut self, property: &str) -> Json {
        let literals = match property {
            "price" => json!([1, 2, 2.0, 9.9, "9.90", "free", -3, 0.5, {"decimal": "2.00"}]),
            "country" => json!(["DE", "FR", "Réunion", "nowhere"]),
            "flag" => json!([true, false]),
            "code" => json!([85048, "85048", "85123A", 7, "7", 8]),
            _ => json!([0, 5, 6, 9.0, 10]),
        };
        self.random.pick(literals.as_array().unwrap()).clone()
    }

    pub fn set(&mut self, depth: u64) -> Json {
        match self.random.below(if depth == 0 { 4 } else { 8 }) {
            0 => self.did(),
            1 => {
                let (from, to) = self.range(self.days);
                json!({"first_did": self.selector(), "from": from, "to": to})
            }
            2 => {
                let mut ids = vec!["nobody".to_string()];
                ids.extend((0..self.random.below(9)).map(|i| format!("user {i}")));
                json!({"ids": ids})
            }
            3 => json!({"cohort": self.random.pick(&["buyers", "early"])}),
            4 => self.funnel_set(),
            5 => json!({"and": [self.set(depth - 1), self.set(depth - 1)]}),
            6 => json!({"or": [self.set(depth - 1), self.set(depth - 1)]}),
            _ => json!({"not": self.set(depth - 1)}),
        }
    }

    fn did(&mut self) -> Json {
        let mut set = json!({"did": self.selector()});
        if self.random.chance(2) {
            let (from, to) = self.range(self.days);
            set["from"] = json!(from);
            set["to"] = json!(to);
        }
        match self.random.below(3) {
            0 => set["at_least"] = json!(1 + self.random.below(4)),
            1 => set["at_most"] = json!(1 + self.random.below(4)),
            _ => {}
        }
        set
    }

    fn funnel_set(&mut self) -> Json {
        let mut funnel = json!({"report": "funnel"});
        self.funnel_fields(&mut funnel);
        let (from, to) = self.range(self.days);
        funnel["from"] = json!(from);
        funnel["to"] = json!(to);
        let reached = 1 + self.random.below(funnel["steps"].as_array().unwrap().len() as u64);
        json!({"funnel": funnel, "reached": reached, "exactly": self.random.chance(2)})
    }
}
