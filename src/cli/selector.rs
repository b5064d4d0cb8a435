//! Events, conditions and sets as people type them, turned into their JSON.

use super::failure::Failure;
use daybit::{Decimal, exact_json};
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value as Json, json};

/// Significant digits that a binary number always holds.
const FLOAT_DIGITS_MAX: usize = 15;

/// From here on a binary number may stand for several whole ones.
const FLOAT_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A set of users: JSON, or `@name` of a saved cohort. `what` names it in errors.
pub fn set(what: &str, text: &str) -> Result<Json, Failure> {
    if let Some(name) = text.strip_prefix('@') {
        return Ok(json!({"cohort": name}));
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(|e| {
        let like = "try '{\"did\": \"purchase\"}', or @NAME for a saved cohort";
        Failure::input(format!("{what} is not JSON ({e}); {like}"))
    })?;
    Ok(exact_json(text)?)
}

/// One event: a name, `name[condition][condition]`, or JSON.
fn event(flag: &str, text: &str) -> Result<Json, Failure> {
    if text.starts_with('{') {
        return json_of(flag, text);
    }
    let Some((name, conditions)) = text.strip_suffix(']').and_then(|text| text.split_once('['))
    else {
        return Ok(json!(text));
    };
    let conditions: Result<Vec<Json>, Failure> = conditions.split("][").map(condition).collect();
    Ok(json!({"event": name, "where": conditions?}))
}

/// A selector: any of the events, with the conditions of `--where`. `None` where nothing was
/// given.
pub fn selector(
    flag: &str,
    events: &[String],
    conditions: &[Json],
) -> Result<Option<Json>, Failure> {
    let selector = match events {
        [] if conditions.is_empty() => return Ok(None),
        [] => json!("*"),
        [one] => event(flag, one)?,
        several if several.iter().any(|text| text.starts_with('{') || text.ends_with(']')) => {
            return Err(Failure::input(format!(
                "several {flag} take plain names; conditions of all of them go into --where"
            )));
        }
        several => json!({"any": several}),
    };
    Ok(Some(narrowed(selector, conditions)))
}

/// The selector with more conditions.
fn narrowed(selector: Json, conditions: &[Json]) -> Json {
    if conditions.is_empty() {
        return selector;
    }
    let mut all = Vec::new();
    let event = match selector {
        Json::Object(mut fields) if fields.contains_key("event") => {
            if let Some(Json::Array(own)) = fields.get("where") {
                all.extend(own.iter().cloned());
            }
            fields.remove("event").unwrap_or_default()
        }
        plain => plain,
    };
    all.extend(conditions.iter().cloned());
    json!({"event": event, "where": all})
}

/// `cancel:1-2`: an event that must not lie between steps 1 and 2.
pub fn exclusion(text: &str) -> Result<Json, Failure> {
    if let Ok(Json::Object(_)) = serde_json::from_str(text) {
        return Ok(exact_json(text)?);
    }
    let parts = text.rsplit_once(':').and_then(|(name, steps)| {
        let (after, before) = steps.split_once('-')?;
        Some((name, after.parse::<u32>().ok()?, before.parse::<u32>().ok()?))
    });
    match parts {
        Some((name, after, before)) => {
            Ok(json!({"event": event("--exclude", name)?, "after": after, "before": before}))
        }
        None => Err(Failure::input(format!(
            "--exclude {text:?} is not EVENT:I-J, like cancel:1-2 for an event between steps 1 and 2"
        ))),
    }
}

/// Conditions of `--where`.
pub fn conditions(texts: &[String]) -> Result<Vec<Json>, Failure> {
    texts.iter().map(|text| condition(text)).collect()
}

/// How a condition is written, and its field; longer ones first, where one begins like another.
const OPERATORS: [(&str, &str); 8] = [
    ("!=", "is_not"),
    (">=", "gte"),
    ("<=", "lte"),
    ("^=", "starts_with"),
    (">", "gt"),
    ("<", "lt"),
    ("~", "contains"),
    ("=", "is"),
];

/// One condition: `country=DE`, `price>=10`, `coupon`, `!coupon`, or JSON.
fn condition(text: &str) -> Result<Json, Failure> {
    if text.starts_with('{') {
        return json_of("the condition", text);
    }
    let wrong = || {
        Failure::input(format!(
            "the condition {text:?} names no property: write country=DE, price>=10, coupon or !coupon"
        ))
    };
    if let Some(name) = text.strip_prefix('!') {
        let plain = !name.is_empty() && !name.contains(['=', '<', '>', '~']);
        return plain.then(|| json!({"property": name, "exists": false})).ok_or_else(wrong);
    }
    let at = |at| {
        let rest = text.get(at..).unwrap_or_default();
        let found = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign))?;
        Some((text.get(..at)?, *found, rest))
    };
    let found = text.char_indices().find_map(|(place, _)| at(place));
    let Some((name, (sign, field), rest)) = found else {
        return (!text.is_empty())
            .then(|| json!({"property": text, "exists": true}))
            .ok_or_else(wrong);
    };
    if name.is_empty() {
        return Err(wrong());
    }
    let value = rest.strip_prefix(sign).unwrap_or_default();
    let mut condition = Map::new();
    condition.insert("property".to_string(), json!(name));
    let (field, value) = comparison(field, value);
    condition.insert(field.to_string(), value);
    Ok(Json::Object(condition))
}

/// The field and its literal. A value that reads as a number is met as a number and as the text of
/// this spelling; in order, as a number.
fn comparison(field: &'static str, text: &str) -> (&'static str, Json) {
    let several = match field {
        "is" => "in",
        "is_not" => "not_in",
        "contains" | "starts_with" => return (field, json!(text)),
        _ => return (field, reading(text).unwrap_or_else(|| json!(text))),
    };
    let values: Vec<Json> = match text.strip_prefix("in:") {
        Some(list) => list.split(',').flat_map(readings).collect(),
        None => readings(text).collect(),
    };
    match <[Json; 1]>::try_from(values) {
        Ok([one]) => (field, one),
        Err(values) => (several, json!(values)),
    }
}

/// The text, and before it the number or boolean that it reads as.
fn readings(text: &str) -> impl Iterator<Item = Json> + use<> {
    reading(text).into_iter().chain([json!(text)])
}

/// The number or boolean that a text reads as.
fn reading(text: &str) -> Option<Json> {
    text.parse::<bool>().map(Json::Bool).ok().or_else(|| exact_number(text))
}

/// A number to the last digit: where a binary one may stand for others it is written out. `None`
/// for what is none, or has more digits than are ever kept.
fn exact_number(text: &str) -> Option<Json> {
    let number: Number = serde_json::from_str(text).ok()?;
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let written = match digits <= FLOAT_DIGITS_MAX {
        _ if number.is_i64() => return Some(Json::Number(number)),
        true if number.as_f64()?.abs() < FLOAT_WHOLE_MAX => return Some(Json::Number(number)),
        true => number.as_f64()?.to_string(),
        false => text.to_string(),
    };
    match written.parse::<Decimal>() {
        Ok(_) => Some(json!({ "decimal": written })),
        // Larger than all decimals: only binary numbers are.
        Err(_) if digits <= FLOAT_DIGITS_MAX => Some(Json::Number(number)),
        Err(_) => None,
    }
}

/// A selector's name in an answer as it would be typed: JSON becomes `name[condition]`.
pub fn spoken(label: &str) -> String {
    let selector = serde_json::from_str(label).unwrap_or(Json::Null);
    let name = |event: &Json| match event {
        Json::String(name) => name.clone(),
        other => texts(&other["any"]).join("|"),
    };
    let event = match (selector.get("event"), selector.get("any")) {
        (Some(event), _) => name(event),
        (None, Some(names)) => texts(names).join("|"),
        (None, None) => return label.to_string(),
    };
    let conditions = selector["where"].as_array().into_iter().flatten();
    conditions.fold(event, |text, condition| format!("{text}[{}]", spoken_condition(condition)))
}

fn spoken_condition(condition: &Json) -> String {
    let sign = |field: &str| OPERATORS.iter().find(|(_, known)| *known == field).map(|op| op.0);
    let test = condition.as_object().into_iter().flatten().find(|(name, _)| *name != "property");
    match (condition["property"].as_str(), test) {
        (Some(name), Some((field, value))) => match (field.as_str(), sign(field)) {
            ("in", _) => format!("{name}={}", texts(value).join(",")),
            ("not_in", _) => format!("{name}!={}", texts(value).join(",")),
            ("exists", _) if *value == json!(false) => format!("!{name}"),
            ("exists", _) => name.to_string(),
            (_, Some(sign)) => format!("{name}{sign}{}", texts(value).join(",")),
            _ => condition.to_string(),
        },
        _ => condition.to_string(),
    }
}

/// A value's text, or those of a list, each once.
fn texts(value: &Json) -> Vec<String> {
    let one = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other["decimal"].as_str().map_or_else(|| other.to_string(), str::to_string),
    };
    let mut texts: Vec<String> = match value {
        Json::Array(values) => values.iter().map(one).collect(),
        value => vec![one(value)],
    };
    texts.dedup();
    texts
}

/// A plain number of a flag.
pub fn number(flag: &str, text: &str) -> Result<Json, Failure> {
    exact_number(text.trim()).ok_or_else(|| {
        Failure::input(format!("{flag} {text:?} is not a number of at most 38 digits"))
    })
}

fn json_of(flag: &str, text: &str) -> Result<Json, Failure> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|e| {
        Failure::input(format!("{flag} {text:?} begins like JSON, but is none: {e}"))
    })?;
    Ok(exact_json(text)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(text: &str) -> Json {
        condition(text).unwrap()
    }

    #[test]
    fn conditions_have_their_operators() {
        let on = |field: &str, value: Json| json!({"property": "p", field: value});
        for (text, expected) in [
            ("p=DE", on("is", json!("DE"))),
            ("p!=DE", on("is_not", json!("DE"))),
            ("p=a=b", on("is", json!("a=b"))),
            ("p=", on("is", json!(""))),
            ("p>10", on("gt", json!(10))),
            ("p>=1.5", on("gte", json!(1.5))),
            ("p<b", on("lt", json!("b"))),
            ("p<=-3", on("lte", json!(-3))),
            ("p~10", on("contains", json!("10"))),
            ("p^=/blog", on("starts_with", json!("/blog"))),
            ("p", on("exists", json!(true))),
            ("!p", on("exists", json!(false))),
            ("{\"property\": \"a=b\", \"is\": 1}", json!({"property": "a=b", "is": 1})),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_that_reads_as_a_number_meets_the_text_too() {
        let values = |text: &str| said(text)["in"].clone();
        assert_eq!(values("zip=85048"), json!([85048, "85048"]));
        assert_eq!(said("zip!=85048")["not_in"], json!([85048, "85048"]));
        assert_eq!(values("paid=true"), json!([true, "true"]));
        assert_eq!(values("zip=in:85048,85123A"), json!([85048, "85048", "85123A"]));
        assert_eq!(said("c!=in:DE,FR")["not_in"], json!(["DE", "FR"]));
        assert_eq!(said("c=in:DE")["is"], json!("DE"));
        let long = "12345678901234567890.5";
        assert_eq!(values(&format!("p={long}")), json!([{"decimal": long}, long]));
        let exact = json!({"decimal": "9007199254740993.0"});
        assert_eq!(values("p=9007199254740993.0"), json!([exact, "9007199254740993.0"]));
        assert_eq!(said("p>9007199254740993.0")["gt"], exact);
        assert_eq!(said("p>1e17")["gt"], json!({"decimal": "100000000000000000"}));
        assert_eq!(said("p>1e300")["gt"], json!(1e300));
        // No numbers, or none that would come back as they were written.
        for text in ["007", "+3", "0x1", "1234567890123456e5"] {
            assert_eq!(said(&format!("p={text}"))["is"], json!(text));
        }
        assert_eq!(values("p=9223372036854775807"), json!([i64::MAX, "9223372036854775807"]));
    }

    #[test]
    fn numbers_that_json_would_round_are_refused() {
        let json = r#"{"property": "p", "is": 9007199254740993.0}"#;
        let of_set = format!(r#"{{"did": {{"event": "*", "where": [{json}]}}}}"#);
        let excluded = format!(r#"{{"event": {json}, "after": 1, "before": 2}}"#);
        for refused in [condition(json), set("--users", &of_set), exclusion(&excluded)] {
            assert!(refused.unwrap_err().to_string().contains("\"9007199254740993.0\"}"));
        }
        assert_eq!(number("--scale", "0.10").unwrap(), json!(0.10));
        let long = "0.12345678901234567890";
        assert_eq!(number("--scale", long).unwrap(), json!({ "decimal": long }));
        assert!(number("--scale", &"9".repeat(39)).is_err() && number("--scale", "x").is_err());
    }

    #[test]
    fn what_names_no_property_is_refused() {
        for text in ["", "=DE", "!", "!p=3", "{", ">3"] {
            assert!(condition(text).is_err(), "{text}");
        }
    }

    #[test]
    fn events_take_conditions_in_brackets_and_from_where() {
        let one = |text: &str, more: &[Json]| {
            selector("--step", &[text.to_string()], more).unwrap().unwrap()
        };
        let ios = json!({"property": "platform", "is": "ios"});
        assert_eq!(one("search", &[]), json!("search"));
        assert_eq!(one("add[platform=ios]", &[]), json!({"event": "add", "where": [ios]}));
        let both = json!({"event": "add", "where": [{"property": "n", "gt": 3}, ios]});
        assert_eq!(one("add[n>3]", std::slice::from_ref(&ios)), both);
        assert_eq!(one("add[n>3][platform=ios]", &[]), both);
        let any = json!({"event": {"any": ["a", "b"]}, "where": [ios]});
        assert_eq!(one("{\"any\": [\"a\", \"b\"]}", std::slice::from_ref(&ios)), any);
        let several = ["a".to_string(), "b".to_string()];
        assert_eq!(selector("--event", &several, std::slice::from_ref(&ios)).unwrap(), Some(any));
        assert_eq!(selector("--event", &[], &[]).unwrap(), None);
        let star = json!({"event": "*", "where": [ios]});
        assert_eq!(selector("--event", &[], &[ios]).unwrap(), Some(star));
        assert!(selector("--event", &["a".into(), "b[n>3]".into()], &[]).is_err());
    }

    #[test]
    fn exclusions_name_two_steps() {
        let between = json!({"event": "a:b", "after": 1, "before": 2});
        assert_eq!(exclusion("a:b:1-2").unwrap(), between);
        let narrowed = exclusion("cancel[why=price]:2-3").unwrap();
        assert_eq!(narrowed["event"]["where"][0]["is"], "price");
        let json = exclusion("{\"event\": \"a\", \"after\": 1, \"before\": 2}").unwrap();
        assert_eq!(json["after"], 1);
        let any = exclusion("{\"any\": [\"a\", \"b\"]}:1-2").unwrap();
        assert_eq!(any["event"], json!({"any": ["a", "b"]}));
        for text in ["cancel", "cancel:1", "cancel:2-x", "1-2"] {
            assert!(exclusion(text).is_err(), "{text}");
        }
    }

    #[test]
    fn selectors_are_spoken_as_they_are_typed() {
        for text in [
            "add",
            "*",
            "a{b",
            "7",
            "[1]",
            "add[platform=ios][n>3]",
            "add[zip=85048][!plan][coupon]",
        ] {
            let json = event("--step", text).unwrap();
            let label = json.as_str().map_or_else(|| json.to_string(), str::to_string);
            assert_eq!(spoken(&label), text);
        }
        assert_eq!(spoken(r#"{"any": ["a", "b"]}"#), "a|b");
        assert_eq!(spoken(r#"{"an": "event"}"#), r#"{"an": "event"}"#);
        let other = r#"{"event": {"any": ["a", "b"]}, "where": [{"any_of": []}]}"#;
        assert_eq!(spoken(other), r#"a|b[{"any_of":[]}]"#);
    }

    /// The inputs of the fuzzing's target of this name.
    #[test]
    fn no_text_makes_a_short_form_panic() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/short_forms");
        let mut read = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let texts = [String::from_utf8_lossy(&bytes).into_owned()];
            let (_, _) = (set("--users", &texts[0]), exclusion(&texts[0]));
            let (_, _) = (number("--top", &texts[0]), spoken(&texts[0]));
            let conditions = conditions(&texts).unwrap_or_default();
            read += usize::from(selector("--event", &texts, &conditions).is_ok());
        }
        assert!(read > 1, "{read} of them are events");
    }

    #[test]
    fn sets_are_json_or_a_cohort_s_name() {
        assert_eq!(set("--users", "@big, spenders").unwrap(), json!({"cohort": "big, spenders"}));
        assert_eq!(set("--users", "{\"did\": \"a\"}").unwrap(), json!({"did": "a"}));
        assert!(set("--users", "buyers").is_err());
    }
}
