//! `replay --until`: a small language over what happens in a session, and the moment at which it first holds.
//!
//! What it is: comparisons of named fields with words and numbers, joined by `and`, `or`, `not` and parentheses. What it
//! never does: change what is replayed, or hold of a field that an event does not have: such a comparison is neither true
//! nor false, and stays so under `not`. Who calls it: the replay, with every input and what was derived from it.

mod around;
mod fields;
mod parse;
mod world;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use barkeep_schemas::{Event, Seq};

pub use around::{Around, EquityAround, OrderAround, PairAround};
pub use fields::{Field, Form};
pub use world::World;

/// An expression that was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Until(Expr);

/// What an expression is made of.
#[derive(Clone, PartialEq, Debug)]
enum Expr {
    /// All hold; at least two.
    All(Vec<Expr>),
    /// One holds; at least two.
    Any(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// A flag, by itself.
    Flag(Field),
    /// Two things of one form compared; one of them is a field.
    Compare(Operand, Comparison, Operand),
}

/// One side of a comparison.
#[derive(Clone, PartialEq, Debug)]
enum Operand {
    Field(Field),
    Value(Value),
}

/// A value of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A word or a name.
    Text(String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why an expression cannot be read, with the place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct UntilError {
    /// What is wrong and what was expected.
    what: String,
    /// The expression as given.
    text: String,
    /// The first character that is meant, from 0, and how many.
    at: usize,
    len: usize,
}

impl fmt::Display for UntilError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, or the mark would stand under another.
        let text: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mark = "^".repeat(self.len.max(1));
        write!(f, "{}\n  {text}\n  {:at$}{mark}", self.what, "", at = self.at)
    }
}

impl Until {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`UntilError`] with the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, UntilError> {
        parse::parse(text).map(Self)
    }

    /// Whether it holds of an event that `world` has taken last.
    pub fn holds(&self, world: &World, seq: Seq, event: &Event) -> bool {
        eval(&self.0, &|field| world.value(field, seq, event)) == Some(true)
    }
}

/// Three-valued: `None` where a field that matters is not there.
fn eval(expr: &Expr, value: &dyn Fn(Field) -> Option<Value>) -> Option<bool> {
    match expr {
        Expr::All(parts) => {
            let parts: Vec<Option<bool>> = parts.iter().map(|part| eval(part, value)).collect();
            if parts.contains(&Some(false)) { Some(false) } else { all_known(&parts).then_some(true) }
        }
        Expr::Any(parts) => {
            let parts: Vec<Option<bool>> = parts.iter().map(|part| eval(part, value)).collect();
            if parts.contains(&Some(true)) { Some(true) } else { all_known(&parts).then_some(false) }
        }
        Expr::Not(inner) => eval(inner, value).map(|holds| !holds),
        Expr::Flag(field) => value(*field).map(|value| value == Value::Flag(true)),
        Expr::Compare(left, comparison, right) => {
            let of = |operand: &Operand| match operand {
                Operand::Field(field) => value(*field),
                Operand::Value(value) => Some(value.clone()),
            };
            compare(&of(left)?, *comparison, &of(right)?)
        }
    }
}

fn all_known(parts: &[Option<bool>]) -> bool {
    parts.iter().all(Option::is_some)
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> Option<bool> {
    let ordering = match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right)?,
        (Value::Flag(left), Value::Flag(right)) => left.cmp(right),
        (Value::Text(_) | Value::Number(_) | Value::Flag(_), _) => return None,
    };
    Some(match comparison {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Less => ordering == Ordering::Less,
        Comparison::LessOrEqual => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::GreaterOrEqual => ordering != Ordering::Less,
    })
}
