//! The shape of a workload: what people do and how often, and what is known of it.

use super::random::Random;

/// Names of the typical activities, commonest first.
const NAMES: [&str; 12] = [
    "app_open",
    "view",
    "search",
    "add_to_cart",
    "checkout",
    "purchase",
    "share",
    "api_call",
    "report",
    "dashboard_create",
    "invite",
    "support_ticket",
];
const COUNTRIES: [&str; 20] = [
    "US", "IN", "BR", "DE", "GB", "FR", "JP", "ID", "MX", "NG", "CA", "ES", "IT", "KR", "TR", "PL",
    "VN", "AU", "NL", "SE",
];
/// Bytes of a typical user id.
const ID_BYTES: usize = 17;

/// What events look like.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Commonest first; never empty.
    pub activities: Pick,
    /// Each active day begins with the first activity.
    pub opens: bool,
    /// The activity that has money.
    pub paying: String,
    /// Steps of a funnel.
    pub steps: [String; 3],
    pub properties: Vec<Property>,
    pub id_bytes: usize,
}

/// A property of events.
#[derive(Debug, Clone)]
pub struct Property {
    pub name: String,
    pub per: Per,
    pub values: Values,
    /// Of the users or events that could have it, those who do.
    pub share: f64,
}

/// What decides a property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// All events of a user agree on it.
    User,
    /// Each event has its own.
    Event,
    /// Each event of the paying activity has its own, the others have none.
    Payment,
}

/// The values of a property.
#[derive(Debug, Clone)]
pub enum Values {
    /// Some of a list; the empty text is no value.
    Listed(Pick),
    /// Amounts with two digits after the point.
    Money,
    /// Texts of so many bytes, most of them seen once.
    Free(usize),
}

/// Texts, and how often each is drawn.
#[derive(Debug, Clone, Default)]
pub struct Pick {
    texts: Vec<String>,
    /// Of each text, the share of all up to it.
    up_to: Vec<f64>,
}

/// A shape with less in it.
#[derive(Debug, Clone)]
pub struct Thinned {
    pub shape: Shape,
    /// Events of an active day after its first.
    pub payments: f64,
}

impl Pick {
    /// Texts with their weights, which need not add up to 1.
    pub fn new(weighted: impl IntoIterator<Item = (String, f64)>) -> Pick {
        let mut pick = Pick::default();
        let mut sum = 0.0;
        for (text, weight) in weighted {
            sum += weight;
            pick.texts.push(text);
            pick.up_to.push(sum);
        }
        pick.up_to.iter_mut().for_each(|share| *share /= sum);
        pick
    }

    /// The place of what a number from 0 to below 1 draws.
    pub fn place(&self, unit: f64) -> usize {
        let place = self.up_to.partition_point(|share| *share <= unit);
        place.min(self.texts.len().saturating_sub(1))
    }

    pub fn text(&self, place: usize) -> &str {
        self.texts.get(place).map_or("", String::as_str)
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The texts with their shares.
    pub fn weighted(&self) -> impl Iterator<Item = (String, f64)> {
        let before = [0.0].into_iter().chain(self.up_to.iter().copied());
        let shares = self.up_to.iter().zip(before).map(|(to, from)| to - from);
        self.texts.iter().cloned().zip(shares)
    }
}

impl Shape {
    /// What is typical of a product with so many activities: each active day begins with one of
    /// them, the others come the seldomer the further down the list they are.
    pub fn typical(count: usize, events_per_active_day: f64) -> Shape {
        let first = 1.0 / events_per_active_day.max(1.0);
        let rest: f64 = (1..count).map(|rank| 1.0 / rank as f64).sum();
        let share = |rank: usize| match rank {
            0 => first,
            rank => (1.0 - first).max(1e-9) / rest / rank as f64,
        };
        let activities = Pick::new((0..count.max(1)).map(|rank| (name(rank), share(rank))));
        let at = |rank: usize| activities.text(rank.min(count.saturating_sub(1))).to_string();
        Shape {
            opens: true,
            paying: at(5),
            steps: [at(2), at(3), at(5)],
            properties: properties(),
            id_bytes: ID_BYTES,
            activities,
        }
    }

    /// The same with so many activities: the commonest, or rare ones added.
    pub fn with_activities(mut self, count: Option<usize>) -> Shape {
        let Some(count) = count else { return self };
        let mut weighted: Vec<(String, f64)> = self.activities.weighted().collect();
        weighted.truncate(count);
        let rarest = weighted.last().map_or(1.0, |(_, share)| *share);
        let added = (weighted.len()..count).map(|rank| (format!("activity_{rank}"), rarest));
        weighted.extend(added);
        self.activities = Pick::new(weighted);
        let known = |name: &String| self.activities.texts.contains(name);
        let commonest = self.activities.text(0).to_string();
        for name in self.steps.iter_mut().chain([&mut self.paying]) {
            if !known(name) {
                name.clone_from(&commonest);
            }
        }
        self
    }

    /// Of an active day its first event and its payments only.
    pub fn thinned(&self, events_per_active_day: f64) -> Thinned {
        let first = (self.activities.text(0).to_string(), 1.0);
        let paid = self.activities.weighted().find(|(name, _)| *name == self.paying);
        let paid = paid.filter(|(name, _)| *name != first.0 && self.money().is_some());
        let payments = paid.as_ref().map_or(0.0, |(_, share)| share * events_per_active_day);
        let amount = |p: &&Property| matches!(p.values, Values::Money);
        let shape = Shape {
            activities: Pick::new([first].into_iter().chain(paid)),
            opens: true,
            properties: self.properties.iter().find(amount).cloned().into_iter().collect(),
            ..self.clone()
        };
        Thinned { shape, payments }
    }

    /// The property whose sum is money.
    pub fn money(&self) -> Option<&str> {
        let amount = |p: &&Property| matches!(p.values, Values::Money);
        self.properties.iter().find(amount).map(|property| property.name.as_str())
    }

    /// A property that users fall into groups by.
    pub fn breakdown(&self) -> Option<&str> {
        let listed = |p: &&Property| matches!(p.values, Values::Listed(_));
        self.properties.iter().find(listed).map(|property| property.name.as_str())
    }

    /// The names that it has an opinion of, quoted where CSV asks for it.
    pub fn header(&self) -> String {
        let names = self.properties.iter().map(|property| cell(&property.name));
        let fixed = ["user", "activity", "time"].map(String::from).into_iter();
        fixed.chain(names).collect::<Vec<_>>().join(",") + "\n"
    }
}

fn name(rank: usize) -> String {
    NAMES.get(rank).map_or_else(|| format!("activity_{rank}"), |name| (*name).to_string())
}

fn properties() -> Vec<Property> {
    let countries =
        COUNTRIES.iter().zip(1..).map(|(c, rank)| (c.to_string(), 1.0 / f64::from(rank)));
    let platforms = [("ios", 0.5), ("android", 0.3), ("web", 0.2)];
    let platforms = platforms.map(|(name, share)| (name.to_string(), share));
    let of = |name: &str, per, values| Property { name: name.to_string(), per, values, share: 1.0 };
    vec![
        of("country", Per::User, Values::Listed(Pick::new(countries))),
        of("platform", Per::User, Values::Listed(Pick::new(platforms))),
        of("value", Per::Payment, Values::Money),
    ]
}

impl Property {
    /// Writes a value, drawn by the event's or the user's stream.
    pub fn write(&self, random: &mut Random, out: &mut Vec<u8>) {
        if self.share < 1.0 && random.unit() >= self.share {
            return;
        }
        match &self.values {
            Values::Listed(pick) => {
                out.extend_from_slice(pick.text(pick.place(random.unit())).as_bytes());
            }
            Values::Money => {
                let cents = ((3.3 + 0.8 * random.normal()).exp() * 100.0).clamp(1.0, 1e9) as u64;
                push_number(cents / 100, 1, out);
                out.push(b'.');
                push_number(cents % 100, 2, out);
            }
            Values::Free(bytes) => {
                for _ in 0..*bytes {
                    out.push(b'a' + (random.next() >> 40) as u8 % 26);
                }
            }
        }
    }
}

/// Writes a number with at least so many digits.
pub fn push_number(number: u64, digits_min: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let (mut rest, mut start) = (number, buffer.len());
    while rest > 0 {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let start = start.min(buffer.len().saturating_sub(digits_min));
    out.extend_from_slice(&buffer[start..]);
}

/// A cell as RFC 4180 has it.
pub fn cell(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn shares_are_drawn_as_given() {
        let pick = Pick::new([("a".to_string(), 3.0), ("b".to_string(), 1.0)]);
        assert_eq!([0.0, 0.74, 0.75, 0.999, 1.0].map(|unit| pick.place(unit)), [0, 0, 1, 1, 1]);
        let shares: Vec<f64> = pick.weighted().map(|(_, share)| share).collect();
        assert_eq!(shares, [0.75, 0.25]);
    }

    #[test]
    fn every_count_of_activities_has_a_shape() {
        for (count, events) in [(1, 1.0), (1, 4.0), (2, 1.0), (6, 4.0), (300, 4.0)] {
            let shape = Shape::typical(count, events);
            assert_eq!(shape.activities.len(), count);
            let names: Vec<String> = shape.activities.weighted().map(|(name, _)| name).collect();
            assert!(shape.steps.iter().all(|step| names.contains(step)), "{count}");
            let total: f64 = shape.activities.weighted().map(|(_, share)| share).sum();
            assert!((total - 1.0).abs() < 1e-9, "{count}: {total}");
        }
    }

    #[test]
    fn activities_are_left_out_and_added_from_the_rare_end() {
        let shape = Shape::typical(6, 4.0);
        let names = |shape: &Shape| -> Vec<String> {
            shape.activities.weighted().map(|(name, _)| name).collect()
        };
        let fewer = shape.clone().with_activities(Some(2));
        assert_eq!(names(&fewer), ["app_open", "view"]);
        assert_eq!((fewer.paying.as_str(), fewer.steps[0].as_str()), ("app_open", "app_open"));
        let more = shape.clone().with_activities(Some(8));
        assert_eq!(names(&more)[5..], ["purchase", "activity_6", "activity_7"]);
        assert_eq!(names(&shape.clone().with_activities(None)), names(&shape));
    }

    #[test]
    fn numbers_and_cells_are_written_whole() {
        let written = |number, digits| {
            let mut out = Vec::new();
            push_number(number, digits, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(7, 2), "07");
        assert_eq!(written(0, 1), "0");
        assert_eq!(written(u64::MAX, 1), u64::MAX.to_string());
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
