//! Conditions on properties: read from JSON, checked, and written back.

use super::fields::{decimal, list};
use super::json::parts::{expected, items, text};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Decimal, Value};
use crate::limits::{
    CONDITION_DEPTH_MAX, CONDITION_VALUES_MAX, CONDITIONS_MAX, PROPERTY_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::scan::{Condition, ConditionKind, Selector, Test};
use serde_json::{Number, Value as Json, json};

/// Tests of a value, by the field that names them.
const TESTS: [&str; 11] =
    ["is", "is_not", "in", "not_in", "gt", "gte", "lt", "lte", "exists", "contains", "starts_with"];

/// What a condition looks like.
const FORM: &str = "a condition like {\"property\": \"country\", \"is\": \"DE\"} or \
                    {\"any_of\": [conditions]}";

/// The selector with names sorted and literals in one form, however it was made.
pub(super) fn tidy(event: impl Into<Selector>) -> Selector {
    match event.into().tidy() {
        Selector::Where { event, conditions } => {
            Selector::Where { event, conditions: conditions.into_iter().map(tidied).collect() }
        }
        plain => plain,
    }
}

fn tidied(condition: Condition) -> Condition {
    let kind = match condition.kind {
        ConditionKind::AnyOf(conditions) => {
            ConditionKind::AnyOf(conditions.into_iter().map(tidied).collect())
        }
        ConditionKind::Property { property, test } => {
            ConditionKind::Property { property, test: tidied_test(test) }
        }
    };
    Condition { kind }
}

fn tidied_test(test: Test) -> Test {
    let all = |values: Vec<Value>| values.into_iter().map(literal).collect();
    match test {
        Test::Is(value) => Test::Is(literal(value)),
        Test::IsNot(value) => Test::IsNot(literal(value)),
        Test::In(values) => Test::In(all(values)),
        Test::NotIn(values) => Test::NotIn(all(values)),
        Test::Greater(value) => Test::Greater(literal(value)),
        Test::GreaterOrEqual(value) => Test::GreaterOrEqual(literal(value)),
        Test::Less(value) => Test::Less(literal(value)),
        Test::LessOrEqual(value) => Test::LessOrEqual(literal(value)),
        Test::Exists(_) | Test::Contains(_) | Test::StartsWith(_) => test,
    }
}

/// A number becomes the shortest decimal that reads as it, and an integer where it is one: 2.50 is
/// 2.5, 2.0 is 2. Only binary numbers beyond all decimals stay as they are.
fn literal(value: Value) -> Value {
    match decimal("", &value) {
        Ok(number) => match i64::try_from(number.unscaled()) {
            Ok(whole) if number.scale() == 0 => Value::Integer(whole),
            _ => Value::Decimal(number),
        },
        Err(_) => value,
    }
}

/// Reads the list of `where` or `any_of`.
pub(super) fn read_all(field: &str, value: &Json, depth: usize) -> Result<Vec<Condition>> {
    items(field, value)?.map(|condition| read(field, condition, depth)).collect()
}

fn read(field: &str, value: &Json, depth: usize) -> Result<Condition> {
    if depth > CONDITION_DEPTH_MAX {
        return Err(too_deep());
    }
    let Json::Object(object) = value else { return Err(expected(field, value, FORM)) };
    if let Some(unknown) = object.keys().find(|key| {
        !TESTS.contains(&key.as_str()) && !["property", "any_of"].contains(&key.as_str())
    }) {
        return Err(Error::input(format!(
            "`{unknown}` is no test of a condition; there are {}",
            list(TESTS)
        )));
    }
    if let Some(conditions) = object.get("any_of") {
        if object.len() > 1 {
            return Err(Error::input("`any_of` stands alone in its condition"));
        }
        return Ok(Condition::any_of(read_all("any_of", conditions, depth + 1)?));
    }
    let Some(property) = object.get("property") else { return Err(expected(field, value, FORM)) };
    let property = text("property", property)?;
    let mut tests = object.iter().filter(|(name, _)| *name != "property");
    let (Some((name, against)), None) = (tests.next(), tests.next()) else {
        return Err(Error::input(format!(
            "the condition on {property:?} has {} tests: each condition has one of {}",
            object.len() - 1,
            list(TESTS)
        )));
    };
    read_test(property, name, against)
}

fn read_test(property: &str, name: &str, value: &Json) -> Result<Condition> {
    if value.is_null() {
        return Err(Error::input(format!(
            "`{name}` is null: for events without the property write \
             {{\"property\": {property:?}, \"exists\": false}}"
        )));
    }
    let one = || read_literal(name, value);
    let list = || -> Result<Vec<Value>> {
        items(name, value)?.map(|value| read_literal(name, value)).collect()
    };
    let test = match name {
        "is" => Test::Is(one()?),
        "is_not" => Test::IsNot(one()?),
        "in" => Test::In(list()?),
        "not_in" => Test::NotIn(list()?),
        "gt" => Test::Greater(one()?),
        "gte" => Test::GreaterOrEqual(one()?),
        "lt" => Test::Less(one()?),
        "lte" => Test::LessOrEqual(one()?),
        "exists" => {
            Test::Exists(value.as_bool().ok_or_else(|| expected(name, value, "true or false"))?)
        }
        "contains" => Test::Contains(text(name, value)?.to_owned()),
        _ => Test::StartsWith(text(name, value)?.to_owned()),
    };
    Ok(Condition { kind: ConditionKind::Property { property: property.to_owned(), test } })
}

/// A text, a boolean, or a number as exact as JSON gives it. `{"decimal": "0.10"}` holds a number
/// of more digits than that.
pub(super) fn read_literal(field: &str, value: &Json) -> Result<Value> {
    let wrong = || expected(field, value, "a text, a number, true or false");
    Ok(literal(match value {
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => read_number(field, number)?,
        Json::Object(object) if object.len() == 1 => {
            let digits = object.get("decimal").and_then(Json::as_str).ok_or_else(wrong)?;
            Value::Decimal(digits.parse()?)
        }
        _ => return Err(wrong()),
    }))
}

fn read_number(field: &str, number: &Number) -> Result<Value> {
    // From here on a binary number may stand for several whole ones.
    const WHOLE_MIN: f64 = 9_007_199_254_740_992.0;
    const DECIMALS_MAX: f64 = 1e38;
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), _, _) => Ok(Value::Integer(whole)),
        (None, Some(whole), _) => Decimal::new(i128::from(whole), 0).map(Value::Decimal),
        (None, None, Some(float)) if (WHOLE_MIN..DECIMALS_MAX).contains(&float.abs()) => {
            Err(Error::input(format!(
                "`{field}` is {number}, a number too long to be read exactly: write \
                 {{\"decimal\": \"{float}\"}} with all of its digits"
            )))
        }
        (None, None, float) => Ok(Value::Float(float.unwrap_or_default())),
    }
}

/// The JSON that [`read_all`] reads.
pub(super) fn write_all(conditions: &[Condition]) -> Json {
    conditions.iter().map(write).collect()
}

fn write(condition: &Condition) -> Json {
    let all = |values: &[Value]| values.iter().map(write_literal).collect::<Json>();
    let (property, test) = match &condition.kind {
        ConditionKind::AnyOf(conditions) => return json!({ "any_of": write_all(conditions) }),
        ConditionKind::Property { property, test } => (property, test),
    };
    let (name, against) = match test {
        Test::Is(value) => ("is", write_literal(value)),
        Test::IsNot(value) => ("is_not", write_literal(value)),
        Test::In(values) => ("in", all(values)),
        Test::NotIn(values) => ("not_in", all(values)),
        Test::Greater(value) => ("gt", write_literal(value)),
        Test::GreaterOrEqual(value) => ("gte", write_literal(value)),
        Test::Less(value) => ("lt", write_literal(value)),
        Test::LessOrEqual(value) => ("lte", write_literal(value)),
        Test::Exists(exists) => ("exists", json!(exists)),
        Test::Contains(text) => ("contains", json!(text)),
        Test::StartsWith(text) => ("starts_with", json!(text)),
    };
    json!({ "property": property, name: against })
}

/// The JSON that [`read_literal`] reads.
pub(super) fn write_literal(value: &Value) -> Json {
    match value {
        Value::Bool(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Decimal(number) => write_decimal(number),
    }
}

/// A number where JSON's numbers carry all of its digits.
fn write_decimal(number: &Decimal) -> Json {
    let text = number.to_string();
    let plain = match number.scale() {
        0 => text.parse::<u64>().ok().map(Number::from),
        _ => text.parse::<f64>().ok().and_then(Number::from_f64),
    };
    let exact = |plain: &Number| {
        let read = read_number("", plain).map(literal);
        read.is_ok_and(|read| read == literal(Value::Decimal(*number)))
    };
    plain.filter(exact).map_or_else(|| json!({ "decimal": text }), Json::Number)
}

/// Whether a selector's conditions keep to the limits.
pub(super) fn check(conditions: &[Condition]) -> Result<()> {
    let mut count = 0;
    conditions.iter().try_for_each(|condition| check_one(condition, 1, &mut count))
}

fn check_one(condition: &Condition, depth: usize, count: &mut usize) -> Result<()> {
    *count += 1;
    if *count > CONDITIONS_MAX {
        return Err(limit(format!("an event has at most {CONDITIONS_MAX} conditions")));
    }
    match &condition.kind {
        ConditionKind::AnyOf(_) if depth > CONDITION_DEPTH_MAX => Err(too_deep()),
        ConditionKind::AnyOf(conditions) if conditions.is_empty() => {
            Err(Error::input("`any_of` is empty: it needs at least one condition"))
        }
        ConditionKind::AnyOf(conditions) => {
            conditions.iter().try_for_each(|condition| check_one(condition, depth + 1, count))
        }
        ConditionKind::Property { property, test } => {
            check_property("property", property)?;
            check_test(property, test)
        }
    }
}

/// Whether a property could have such a name.
pub(super) fn check_property(field: &str, name: &str) -> Result<()> {
    match name.len() {
        0 => Err(Error::input(format!("`{field}` is missing or empty: it names a property"))),
        1..=PROPERTY_BYTES_MAX => Ok(()),
        bytes => Err(limit(format!(
            "`{field}` has {bytes} bytes: names of properties have at most {PROPERTY_BYTES_MAX}"
        ))),
    }
}

fn check_test(property: &str, test: &Test) -> Result<()> {
    match test {
        Test::In(values) | Test::NotIn(values) => {
            let name = if matches!(test, Test::In(_)) { "in" } else { "not_in" };
            check_values(property, name, values)
        }
        Test::Is(value) | Test::IsNot(value) => check_literal(property, value),
        Test::Greater(value)
        | Test::GreaterOrEqual(value)
        | Test::Less(value)
        | Test::LessOrEqual(value) => match value {
            Value::Bool(_) => Err(Error::input(format!(
                "a condition on {property:?} asks for more or less than {value}: compare numbers \
                 or texts"
            ))),
            value => check_literal(property, value),
        },
        Test::Contains(text) | Test::StartsWith(text) => check_text(property, text),
        Test::Exists(_) => Ok(()),
    }
}

fn check_values(property: &str, name: &str, values: &[Value]) -> Result<()> {
    match values.len() {
        0 => Err(Error::input(format!("`{name}` on {property:?} is empty: it needs a value"))),
        1..=CONDITION_VALUES_MAX => {
            values.iter().try_for_each(|value| check_literal(property, value))
        }
        count => Err(limit(format!(
            "`{name}` on {property:?} has {count} values: at most {CONDITION_VALUES_MAX} are taken"
        ))),
    }
}

fn check_literal(property: &str, value: &Value) -> Result<()> {
    match value {
        Value::Float(number) if !number.is_finite() => Err(Error::input(format!(
            "a condition compares {property:?} with {number}, which no value ever is"
        ))),
        Value::Text(text) => check_text(property, text),
        _ => Ok(()),
    }
}

fn check_text(property: &str, text: &str) -> Result<()> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let bytes = text.len();
    Err(limit(format!(
        "a condition compares {property:?} with {bytes} bytes: values have at most {TEXT_BYTES_MAX}"
    )))
}

fn too_deep() -> Error {
    limit(format!("`any_of` is nested more than {CONDITION_DEPTH_MAX} deep"))
}

fn limit(message: String) -> Error {
    Error::new(ErrorKind::Limit, message)
}

#[cfg(test)]
mod tests;
