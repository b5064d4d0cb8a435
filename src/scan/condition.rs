//! Conditions on the properties of an event.

use crate::event::Value;

/// Something that one event must satisfy.
///
/// Conditions in a list hold together, on one and the same event.
///
/// ```
/// use daybit::{Condition, Query, Selector};
/// let german = Condition::is("country", "DE");
/// let large = Condition::any_of([Condition::gte("price", 100), Condition::is("plan", "pro")]);
/// let _ = Query::active(Selector::name("purchase").matching([german, large]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub(crate) kind: ConditionKind,
}

/// What a condition is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ConditionKind {
    /// A property's value passes a test.
    Property { property: String, test: Test },
    /// One of them holds at least.
    AnyOf(Vec<Condition>),
}

/// A test of one value. Numbers are compared by value, whatever their types; a number meets
/// numbers only; a text meets texts, and numbers whose stored text it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Is(Value),
    /// Holds for a missing value too: exactly where `Is` does not.
    IsNot(Value),
    In(Vec<Value>),
    /// Holds for a missing value too: exactly where `In` does not.
    NotIn(Vec<Value>),
    Greater(Value),
    GreaterOrEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    /// The event has the property at all, or has it not.
    Exists(bool),
    Contains(String),
    StartsWith(String),
}

impl Condition {
    fn on(property: impl Into<String>, test: Test) -> Condition {
        Condition { kind: ConditionKind::Property { property: property.into(), test } }
    }

    /// The property has this value.
    pub fn is(property: impl Into<String>, value: impl Into<Value>) -> Condition {
        Condition::on(property, Test::Is(value.into()))
    }

    /// The property has another value, or none.
    pub fn is_not(property: impl Into<String>, value: impl Into<Value>) -> Condition {
        Condition::on(property, Test::IsNot(value.into()))
    }

    /// The property has one of these values.
    pub fn one_of<V: Into<Value>>(
        property: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Condition {
        Condition::on(property, Test::In(values.into_iter().map(Into::into).collect()))
    }

    /// The property has none of these values; it may be missing.
    pub fn none_of<V: Into<Value>>(
        property: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Condition {
        Condition::on(property, Test::NotIn(values.into_iter().map(Into::into).collect()))
    }

    /// A number above this one, or a text after this one by its bytes.
    pub fn gt(property: impl Into<String>, value: impl Into<Value>) -> Condition {
        Condition::on(property, Test::Greater(value.into()))
    }

    /// Like [`gt`](Condition::gt), or equal.
    pub fn gte(property: impl Into<String>, value: impl Into<Value>) -> Condition {
        Condition::on(property, Test::GreaterOrEqual(value.into()))
    }

    /// A number below this one, or a text before this one by its bytes.
    pub fn lt(property: impl Into<String>, value: impl Into<Value>) -> Condition {
        Condition::on(property, Test::Less(value.into()))
    }

    /// Like [`lt`](Condition::lt), or equal.
    pub fn lte(property: impl Into<String>, value: impl Into<Value>) -> Condition {
        Condition::on(property, Test::LessOrEqual(value.into()))
    }

    /// The event has the property.
    pub fn exists(property: impl Into<String>) -> Condition {
        Condition::on(property, Test::Exists(true))
    }

    /// The event does not have the property.
    pub fn missing(property: impl Into<String>) -> Condition {
        Condition::on(property, Test::Exists(false))
    }

    /// The property is a text that contains this one.
    pub fn contains(property: impl Into<String>, text: impl Into<String>) -> Condition {
        Condition::on(property, Test::Contains(text.into()))
    }

    /// The property is a text that starts with this one.
    pub fn starts_with(property: impl Into<String>, text: impl Into<String>) -> Condition {
        Condition::on(property, Test::StartsWith(text.into()))
    }

    /// One of the conditions holds at least.
    pub fn any_of(conditions: impl IntoIterator<Item = Condition>) -> Condition {
        Condition { kind: ConditionKind::AnyOf(conditions.into_iter().collect()) }
    }

    /// Calls `visit` with every property and its test.
    pub(crate) fn tests<'a>(&'a self, visit: &mut dyn FnMut(&'a str, &'a Test)) {
        match &self.kind {
            ConditionKind::Property { property, test } => visit(property, test),
            ConditionKind::AnyOf(conditions) => {
                conditions.iter().for_each(|condition| condition.tests(visit));
            }
        }
    }
}
